import { clockUs, untilUs } from '../clock';
import type { Strength } from './schedule';

/** How often something may be done. */
export interface Rate {
  readonly perSecond: number;
  /** At once. */
  readonly burst: number;
}

/** A clever client takes this part of its limit: the bridge's clock and ours differ by the time of the way. */
const SHARE = 0.9;

/** When the next is due of those that stay just within a rate, in microseconds after the first. */
export function dueUs(number: number, { perSecond, burst }: Rate): number {
  return Math.max(0, number + 1 - Math.max(1, Math.floor(SHARE * burst))) * (1_000_000 / (SHARE * perSecond));
}

/** The same thing again and again. */
export interface Pursuit {
  readonly strength: Strength;
  readonly untilUs: number;
  readonly pace: Pace;
  /** @returns whether to go on */
  readonly act: () => Promise<boolean>;
}

/** Where one is with a rate: it goes on when a socket ends, as the bridge's counts of a user and a tenant do. */
export class Pace {
  readonly #rate: Rate;
  readonly #startUs = clockUs();
  #number = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** When the next one is due. */
  nextUs(): number {
    const timeUs = this.#startUs + dueUs(this.#number, this.#rate);
    this.#number += 1;
    return timeUs;
  }
}

/** Does it just within its rate, or as fast as it can be done. */
export async function pursue({ strength, untilUs: endUs, pace, act }: Pursuit): Promise<void> {
  while (clockUs() < endUs) {
    if (strength === 'within') await untilUs(Math.min(endUs, pace.nextUs()));
    if (clockUs() >= endUs || !(await act())) return;
  }
}
