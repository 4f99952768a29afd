import type { LoopShares, Steps } from '../lib/loop-shares';

/**
 * Tells of lost subscriptions in shares of the loop's time, for there may be very many. They are made again only once everybody
 * knows: whoever took a message before would count on where others are missing.
 */
export class LossTeller {
  readonly #shares: LoopShares;
  readonly #owner = Symbol('lost subscriptions');
  #telling = 0;
  #waiting: (() => void)[] = [];

  constructor(shares: LoopShares) {
    this.#shares = shares;
  }

  /** @param steps that tell everybody */
  tell(steps: Steps): void {
    this.#telling += 1;
    this.#shares.run(this.#owner, this.#toEnd(steps));
  }

  /** Acts once nobody is left to be told; at once where that is so now. */
  whenTold(act: () => void): void {
    if (this.#telling === 0) act();
    else this.#waiting.push(act);
  }

  *#toEnd(steps: Steps): Generator<undefined, undefined> {
    while (steps.next().done !== true) yield;
    this.#telling -= 1;
    if (this.#telling === 0) for (const act of this.#waiting.splice(0)) act();
  }
}
