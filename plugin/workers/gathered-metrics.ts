import { AggregatorRegistry } from 'prom-client';
import type { MetricsSnapshot } from './messages';

/**
 * The metrics of all workers as those of one process. The counts of a worker that died stay: a sum that fell would look to
 * Prometheus as if everything had been counted anew.
 */
export class GatheredMetrics {
  readonly #latest = new Map<number, MetricsSnapshot>();
  #ofTheDead: MetricsSnapshot = [];

  /** @param process the worker process, which no other has been or will be */
  set(process: number, snapshot: MetricsSnapshot): void {
    this.#latest.set(process, snapshot);
  }

  /** A worker died. */
  async bury(process: number): Promise<void> {
    const last = this.#latest.get(process);
    this.#latest.delete(process);
    if (last === undefined) return;
    const counts = last.filter(isCount);
    const sum = AggregatorRegistry.aggregate([this.#ofTheDead, counts]);
    this.#ofTheDead = await sum.getMetricsAsJSON();
  }

  /** All of them, with those of the primary, in Prometheus' text. */
  text(ofPrimary: MetricsSnapshot): Promise<string> {
    return AggregatorRegistry.aggregate([ofPrimary, ...this.#latest.values(), this.#ofTheDead]).metrics();
  }
}

/** Whether it only grows. Prometheus' types as prom-client hands them over: by name, though it declares numbers. */
function isCount({ type }: MetricsSnapshot[number]): boolean {
  return ['counter', 'histogram'].includes(String(type));
}
