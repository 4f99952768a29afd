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
    return new TokenEnd(this.#moments, this.#durations, holder, endsMs, monotonicMs() + leftMs, leftMs);
  }

  /** Runs what is due. */
  advance(): void {
    this.#moments.advance(this.#clocks.now());
    this.#durations.advance(this.#clocks.monotonicMs());
  }
}

/** The end of one token by two clocks, whichever is there first; before it, where there is time, the moment at which it nears. */
class TokenEnd implements Timer {
  readonly #moments: TimerWheel;
  readonly #durations: TimerWheel;
  readonly #holder: TokenHolder;
  readonly #endsMs: number;
  readonly #lastsUntilMs: number;
  #isNear: boolean;
  #moment: Timer | undefined;
  #duration: Timer | undefined;

  constructor(
    moments: TimerWheel,
    durations: TimerWheel,
    holder: TokenHolder,
    endsMs: number,
    lastsUntilMs: number,
    leftMs: number,
  ) {
    this.#moments = moments;
    this.#durations = durations;
    this.#holder = holder;
    this.#endsMs = endsMs;
    this.#lastsUntilMs = lastsUntilMs;
    this.#isNear = leftMs <= RETURN_BEFORE_EXPIRY_MS;
    this.#wait();
  }

  cancel(): void {
    this.#moment?.cancel();
    this.#duration?.cancel();
  }

  /** By one of the clocks. */
  due(): void {
    this.cancel();
    if (this.#isNear) {
      this.#holder.tokenEnded();
      return;
    }
    this.#isNear = true;
    this.#wait();
    this.#holder.tokenNearsEnd();
  }

  #wait(): void {
    const beforeMs = this.#isNear ? 0 : RETURN_BEFORE_EXPIRY_MS;
    this.#moment = this.#moments.add(this.#endsMs - beforeMs, this);
    this.#duration = this.#durations.add(this.#lastsUntilMs - beforeMs, this);
  }
}
