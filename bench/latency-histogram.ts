/** Each bucket is so much wider than the one before: percentiles are exact to half a percent. */
const GROWTH = 1.01;
const LOG_GROWTH = Math.log(GROWTH);
/** Enough for 17 minutes in microseconds. */
const BUCKETS = 2100;

/** Latencies in microseconds, counted in buckets: recording one costs the same however many there are. */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(latencyUs: number): void {
    const bucket = Math.min(BUCKETS - 1, Math.round(Math.log(Math.max(1, latencyUs)) / LOG_GROWTH));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#total += 1;
  }

  /** The latency in microseconds that `share` (0 to 1) of all are not above. NaN when there are none. */
  percentileUs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.exp(bucket * LOG_GROWTH);
    }
    return NaN;
  }
}
