import { DeadlineError, deferred } from '../../lib/promises';
import type { TakeTurn } from './context';

/**
 * Takes a turn, and ends it when its time is over, whatever it still waits for. A bridge that never answers would keep the turn
 * for ever otherwise, and its tenant has a few of them only.
 * @param timeoutMs for the wait and the turn together
 * @param act given a guard to pass before it waits for anything more: it throws once it is too late
 * @throws DeadlineError after `timeoutMs` milliseconds
 */
export async function turnInTime<T>(
  takeTurn: TakeTurn,
  tenant: string,
  timeoutMs: number,
  act: (guard: () => void) => Promise<T>,
): Promise<T> {
  const late = deferred<undefined>();
  const endsMs = performance.now() + timeoutMs;
  const tooLate = (): DeadlineError => new DeadlineError(`took longer than ${timeoutMs} ms`);
  let isLate = false;
  const guard = (): void => {
    if (isLate) throw tooLate();
  };
  const inTime = async (work: Promise<T>): Promise<T> => {
    const done = await Promise.race([work.then((value) => ({ value })), late.promise]);
    if (done !== undefined) return done.value;
    throw tooLate();
  };
  const turn = async (): Promise<T> => {
    guard();
    return inTime(act(guard));
  };
  const timer = setTimeout(() => {
    isLate = true;
    late.resolve(undefined);
  }, timeoutMs);
  try {
    return await inTime(takeTurn(tenant, turn));
  } catch (error) {
    // The turns may be over, and so refused, before the timer has run.
    throw performance.now() < endsMs ? error : tooLate();
  } finally {
    clearTimeout(timer);
  }
}
