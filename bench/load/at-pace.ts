import { clockUs, untilUs } from '../clock';
import type { Pace } from './calls';

/** Does one thing with each of the items, at a pace. Settles when all are done. */
export async function atPace<T>(
  items: readonly T[],
  pace: Pace,
  act: (item: T) => Promise<void>,
): Promise<void> {
  if ('perSecond' in pace) {
    const startUs = clockUs();
    const actInTime = async (item: T, index: number): Promise<void> => {
      await untilUs(startUs + (index * 1_000_000) / pace.perSecond);
      await act(item);
    };
    await Promise.all(items.map(actInTime));
    return;
  }
  const waiting = items.values();
  const actOneByOne = async (): Promise<void> => {
    for (const item of waiting) await act(item);
  };
  await Promise.all(Array.from({ length: pace.atOnce }, actOneByOne));
}
