import { RETURN_BEFORE_EXPIRY_MS } from '../../protocol/return-key';
import { LoopShares } from '../lib/loop-shares';
import { TimerWheel, type Timer } from '../lib/timer-wheel';

/** The clocks by which tokens end, in milliseconds. */
export interface TokenClocks {
  /** That of the tokens' issuer, since the epoch. It may be set. */
  readonly now: () => number;
  /** One that nobody sets. */
  readonly monotonicMs: () => number;
}

/** Something that lives no longer than a token. */
export interface TokenHolder {
  /** The token ends {@link RETURN_BEFORE_EXPIRY_MS} later: about now its client renews it. Not told of a token that had less left. */
  tokenNearsEnd(): void;
  /** It ended. */
  tokenEnded(): void;
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
   * Tells `holder` until it cancels what is returned.
   * @param endsMs the token's `exp`, in milliseconds since the epoch
   */
  add(endsMs: number, holder: TokenHolder): Timer {
    const { now, monotonicMs } = this.#clocks;
    const leftMs = endsMs - now();
    const end = new Deadline(this.#moments, this.#durations, endsMs, monotonicMs() + leftMs);
    const ended = (): void => {
      end.cancel();
      holder.tokenEnded();
    };
    if (leftMs <= RETURN_BEFORE_EXPIRY_MS) end.set(0, ended);
    else {
      end.set(RETURN_BEFORE_EXPIRY_MS, () => {
        end.cancel();
        end.set(0, ended);
        holder.tokenNearsEnd();
      });
    }
    return end;
  }

  /** Runs what is due. */
  advance(): void {
    this.#moments.advance(this.#clocks.now());
    this.#durations.advance(this.#clocks.monotonicMs());
  }
}

/** One moment by two clocks, whichever is there first. */
class Deadline implements Timer {
  readonly #moments: TimerWheel;
  readonly #durations: TimerWheel;
  readonly #endsMs: number;
  readonly #lastsUntilMs: number;
  #moment: Timer | undefined;
  #duration: Timer | undefined;

  constructor(moments: TimerWheel, durations: TimerWheel, endsMs: number, lastsUntilMs: number) {
    this.#moments = moments;
    this.#durations = durations;
    this.#endsMs = endsMs;
    this.#lastsUntilMs = lastsUntilMs;
  }

  /** Runs `run` so long before it, in place of what was set. */
  set(beforeMs: number, run: () => void): void {
    this.#moment = this.#moments.add(this.#endsMs - beforeMs, run);
    this.#duration = this.#durations.add(this.#lastsUntilMs - beforeMs, run);
  }

  cancel(): void {
    this.#moment?.cancel();
    this.#duration?.cancel();
  }
}
