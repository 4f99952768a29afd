import process from 'node:process';
import * as timers from 'node:timers';

// Tests may put a clock of their own in place of these.
const { clearTimeout, setTimeout } = timers;

/** Work that did not end in time. */
export class Overdue extends Error {}

const interrupts = new Set<(error: unknown) => void>();

process.on('uncaughtException', interrupt);
process.on('unhandledRejection', interrupt);

/** An error that nobody catches fails all that is being done. */
function interrupt(error: unknown): void {
  for (const fail of interrupts) fail(error);
}

/** @throws Overdue, when it takes longer */
export async function within(limitMs: number, work: () => unknown): Promise<void> {
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  const timer = setTimeout(fail, limitMs, new Overdue(`took more than ${limitMs} ms`));
  interrupts.add(fail);
  try {
    await Promise.race([work(), failed]);
  } finally {
    clearTimeout(timer);
    interrupts.delete(fail);
  }
}
