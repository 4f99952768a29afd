import { clockUs, untilUs } from '../clock';
import type { Strength } from './schedule';

/** How often something may be done. */
export interface Rate {
  readonly perSecond: number;
  /** At once. */
  readonly burst: number;
}

/** Of what a limit allows, who is clever takes so much: the bridge's clock and ours differ by what the way takes. */
const SHARE = 0.9;

/** When the next is due of those that stay just within a rate, in microseconds after the first. */
export function dueUs(number: number, { perSecond, burst }: Rate): number {
  return Math.max(0, number + 1 - Math.floor(SHARE * burst)) * (1_000_000 / (SHARE * perSecond));
}

/** The same thing again and again. */
export interface Pursuit {
  readonly strength: Strength;
  readonly untilUs: number;
  readonly rate: Rate;
  /** @returns whether to go on */
  readonly act: () => Promise<boolean>;
}

/** Does it just within its rate, or as fast as it can be done. */
export async function pursue({ strength, untilUs: endUs, rate, act }: Pursuit): Promise<void> {
  const startUs = clockUs();
  for (let number = 0; clockUs() < endUs; number += 1) {
    if (strength === 'within') await untilUs(Math.min(endUs, startUs + dueUs(number, rate)));
    if (clockUs() >= endUs || !(await act())) return;
  }
}
