import { AggregatorRegistry } from 'prom-client';
import type { MetricsSnapshot } from './messages';

/**
 * The metrics of all workers as those of one process. The counts of a worker that died stay: a sum that fell would look to
 * Prometheus as if everything had been counted anew.
 */
export class GatheredMetrics {
  readonly #latest = new Map<number, MetricsSnapshot>();
  #ofTheDead: Promise<MetricsSnapshot> = Promise.resolve([]);

  /** @param process the worker process, which no other has been or will be */
  set(process: number, snapshot: MetricsSnapshot): void {
    this.#latest.set(process, snapshot);
  }

  /** A worker died. */
  bury(process: number): void {
    const last = this.#latest.get(process);
    this.#latest.delete(process);
    if (last === undefined) return;
    // One after the other: two that die at once would each be added to what was before both.
    this.#ofTheDead = this.#ofTheDead.then((before) =>
      AggregatorRegistry.aggregate([before, last.filter(isCount)]).getMetricsAsJSON(),
    );
  }

  /** All of them, with those of the primary, in Prometheus' text. */
  async text(ofPrimary: MetricsSnapshot): Promise<string> {
    const ofTheDead = await this.#ofTheDead;
    return AggregatorRegistry.aggregate([ofPrimary, ...this.#latest.values(), ofTheDead]).metrics();
  }
}

/** Whether it only grows. Prometheus' types as prom-client hands them over: by name, though it declares numbers. */
function isCount({ type }: MetricsSnapshot[number]): boolean {
  return ['counter', 'histogram'].includes(String(type));
}
