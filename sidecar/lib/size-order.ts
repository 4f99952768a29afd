import { Chain, type Link } from './chain';

/** Sizes whose ratio is less than two to the power of this share of one are equal here. */
const STEPS_PER_OCTAVE = 4;

/** Where an item stands in a {@link SizeOrder}. */
export interface SizePlace<Item> {
  readonly step: number;
  readonly link: Link<Item>;
}

/**
 * Items by size, to within a fifth: the largest is found, and an item moved, at the same cost however many there are.
 * Among equal ones the one that has been so large for longest comes first.
 */
export class SizeOrder<Item> {
  readonly #steps: (Chain<Item> | undefined)[] = [];
  #highest = -1;

  /** One of the largest. */
  get largest(): Item | undefined {
    return this.#steps[this.#highest]?.first;
  }

  /**
   * Puts an item where its size belongs.
   * @param size 0 takes it out
   * @param place where it stands so far; undefined when it does not
   * @returns where it stands now
   */
  put(item: Item, size: number, place: SizePlace<Item> | undefined): SizePlace<Item> | undefined {
    const step = size <= 0 ? -1 : Math.floor(Math.log2(size) * STEPS_PER_OCTAVE);
    if (place?.step === step) return place;
    if (place !== undefined) this.#steps[place.step]?.remove(place.link);
    const moved = step < 0 ? undefined : { step, link: (this.#steps[step] ??= new Chain()).append(item) };
    if (step > this.#highest) this.#highest = step;
    while (this.#highest >= 0 && (this.#steps[this.#highest]?.size ?? 0) === 0) this.#highest -= 1;
    return moved;
  }
}
