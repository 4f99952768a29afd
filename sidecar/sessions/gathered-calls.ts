import { halves, isOfOneItem } from '../../redis/refused-item';

/** A call that takes several items and answers each, in their order. */
type Call<Item, Answer> = (items: readonly Item[]) => Promise<readonly Answer[]>;

interface Asked<Item, Answer> {
  readonly item: Item;
  readonly answer: (answer: Answer) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * Makes one call of all that is asked for in a turn of the event loop, at the turn's end. A call that is refused for one of its
 * items is taken apart, so that only that one fails.
 */
export class GatheredCalls<Item, Answer> {
  readonly #call: Call<Item, Answer>;
  readonly #maxItems: number;
  #asked: Asked<Item, Answer>[] = [];

  /** @param maxItems in one call, at most */
  constructor(call: Call<Item, Answer>, maxItems: number) {
    this.#call = call;
    this.#maxItems = maxItems;
  }

  /** Settles as the call does that the item goes with. */
  ask(item: Item): Promise<Answer> {
    return new Promise<Answer>((answer, fail) => {
      if (this.#asked.push({ item, answer, fail }) > 1) return;
      setImmediate(() => {
        const asked = this.#asked;
        this.#asked = [];
        for (let start = 0; start < asked.length; start += this.#maxItems) {
          void this.#make(asked.slice(start, start + this.#maxItems));
        }
      });
    });
  }

  async #make(asked: readonly Asked<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#call(asked.map(({ item }) => item));
      for (const [index, { answer }] of asked.entries()) answer(answers[index] as Answer);
    } catch (reason) {
      if (asked.length > 1 && isOfOneItem(reason)) {
        for (const half of halves(asked)) void this.#make(half);
        return;
      }
      for (const { fail } of asked) fail(reason);
    }
  }
}
