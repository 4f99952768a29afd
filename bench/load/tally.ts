import { LatencyHistogram } from '../latency-histogram';
import type { Recorder } from './client';

/** A stretch of time that is measured, in microseconds of `clockUs`. */
export interface Window {
  readonly startUs: number;
  readonly endUs: number;
}

/** The counts of the load. */
export interface Counts {
  /** Frames that came within the window, on all sockets. */
  readonly delivered: number;
  /** Latencies of the messages made within the window, in milliseconds; NaN when none came. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Messages that were published and had not come when it was asked. */
  readonly lost: number;
  /** Frames that came twice or behind a later one. */
  readonly misplaced: number;
  /** Control frames of bridge.v1 that told of a gap. */
  readonly gaps: number;
  /** Sockets that the server closed. */
  readonly closed: number;
}

/** Counts what comes on all sockets, and looks for what does not. */
export class Tally implements Recorder {
  readonly #latencies = new LatencyHistogram();
  readonly #next: number[] = [];
  readonly #received: number[] = [];
  #window: Window = { startUs: Infinity, endUs: Infinity };
  #delivered = 0;
  #misplaced = 0;
  #total = 0;
  #gaps = 0;
  #closed = 0;

  /** Frames on all sockets, ever. */
  get total(): number {
    return this.#total;
  }

  /** From now on this window is measured. */
  watch(window: Window): void {
    this.#window = window;
  }

  /** A frame on a socket: its stamp, and when it came. */
  frame(socket: number, index: number, timeUs: number, nowUs: number): void {
    const { startUs, endUs } = this.#window;
    this.#total += 1;
    const next = this.#next[socket] ?? 0;
    if (index < next) this.#misplaced += 1;
    else {
      this.#next[socket] = index + 1;
      this.#received[socket] = (this.#received[socket] ?? 0) + 1;
    }
    if (nowUs >= startUs && nowUs < endUs) this.#delivered += 1;
    if (timeUs >= startUs && timeUs < endUs) this.#latencies.record(nowUs - timeUs);
  }

  gap(): void {
    this.#gaps += 1;
  }

  closed(): void {
    this.#closed += 1;
  }

  text(): void {
    this.#total += 1;
  }

  /** @param published how many messages each socket should have got by now */
  counts(published: readonly number[]): Counts {
    const missing = published.map((count, socket) => count - (this.#received[socket] ?? 0));
    return {
      delivered: this.#delivered,
      p50Ms: this.#latencies.percentileUs(0.5) / 1000,
      p99Ms: this.#latencies.percentileUs(0.99) / 1000,
      lost: missing.reduce((sum, count) => sum + count, 0),
      misplaced: this.#misplaced,
      gaps: this.#gaps,
      closed: this.#closed,
    };
  }
}
