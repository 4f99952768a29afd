import type { LoopShares, Steps } from '../lib/loop-shares';

/**
 * Tells of lost subscriptions in shares of the loop's time, for there may be very many. They are made again only once everybody
 * knows: whoever took a message before would count on where others are missing. A step that throws keeps the news from nobody else.
 */
export class LossTeller {
  readonly #shares: LoopShares;
  readonly #owner = Symbol('lost subscriptions');
  #telling = 0;
  #waiting: (() => void)[] = [];

  constructor(shares: LoopShares) {
    this.#shares = shares;
  }

  /** @param all the steps of each who tells others; those that throw and are not over are taken further */
  tell(all: readonly Steps[]): void {
    this.#telling += 1;
    this.#shares.run(this.#owner, this.#toEnd(all));
  }

  /** Acts once nobody is left to be told; at once where that is so now. */
  whenTold(act: () => void): void {
    if (this.#telling === 0) act();
    else this.#waiting.push(act);
  }

  /** @throws what the first step that failed threw, once everybody is told */
  *#toEnd(all: readonly Steps[]): Generator<undefined, undefined> {
    let failed: { readonly reason: unknown } | undefined;
    for (const steps of all) {
      for (let isOver = false; !isOver; yield) {
        try {
          isOver = steps.next().done === true;
        } catch (reason) {
          failed ??= { reason };
        }
      }
    }
    this.#telling -= 1;
    if (this.#telling === 0) for (const act of this.#waiting.splice(0)) act();
    if (failed !== undefined) throw failed.reason;
  }
}
