import { LoopShares } from '../lib/loop-shares';
import { TimerWheel, type Timer } from '../lib/timer-wheel';

/** The clocks by which tokens end, in milliseconds. */
export interface TokenClocks {
  /** That of the tokens' issuer, since the epoch. It may be set. */
  readonly now: () => number;
  /** One that nobody sets. */
  readonly monotonicMs: () => number;
}

/**
 * The ends of tokens. Each comes by the clock that its issuer reads. It comes no later than the time that the token had
 * left when it was added. A clock that is set back lengthens nothing.
 */
export class TokenEnds {
  readonly #clocks: TokenClocks;
  readonly #moments: TimerWheel;
  readonly #durations: TimerWheel;

  /** @param tickMs how late one may be found, in milliseconds; see {@link TimerWheel} */
  constructor(tickMs: number, slotCount: number, clocks: TokenClocks, shares = LoopShares.uncut()) {
    this.#clocks = clocks;
    this.#moments = new TimerWheel(tickMs, slotCount, clocks.now(), shares);
    this.#durations = new TimerWheel(tickMs, slotCount, clocks.monotonicMs(), shares);
  }

  /** How many are ahead. */
  get size(): number {
    return Math.max(this.#moments.size, this.#durations.size);
  }

  /**
   * Runs `run` when a token ends; it cancels what is returned.
   * @param endsMs its `exp`, in milliseconds since the epoch
   */
  add(endsMs: number, run: () => void): Timer {
    const { now, monotonicMs } = this.#clocks;
    const moment = this.#moments.add(endsMs, run);
    const duration = this.#durations.add(monotonicMs() + endsMs - now(), run);
    return {
      cancel: () => {
        moment.cancel();
        duration.cancel();
      },
    };
  }

  /** Runs what is due. */
  advance(): void {
    this.#moments.advance(this.#clocks.now());
    this.#durations.advance(this.#clocks.monotonicMs());
  }
}
