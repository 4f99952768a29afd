/** Something took longer than it may. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  readonly code = 'ERR_DEADLINE';
}

/**
 * Settles as `work` does, or rejects when that takes longer. The work itself goes on.
 * @throws DeadlineError after `timeoutMs` milliseconds
 */
export function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new DeadlineError(`took longer than ${timeoutMs} ms`));
    }, timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (reason: unknown) => {
        clearTimeout(timer);
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was rejected
        reject(reason);
      },
    );
  });
}

/** A promise and what fulfils it. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

/** Promise.withResolvers of Node 22, without the way to reject. */
export function deferred<T>(): Deferred<T> {
  let fulfil: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolve) => {
    fulfil = resolve;
  });
  return { promise, resolve: fulfil };
}

/**
 * Does something for each item, for `atOnce` of them at any time.
 * @throws what one of them throws; then not all of the others are done
 */
export async function inTurns<Item>(
  items: Iterable<Item>,
  atOnce: number,
  act: (item: Item) => Promise<unknown>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true; next = left.next()) await act(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

/**
 * As {@link inTurns}, and one that fails keeps none of the others from being done. Very many may fail at once: the event loop goes on
 * between them.
 * @throws what the first of them threw, once all are done
 */
export async function allInTurns<Item>(
  items: Iterable<Item>,
  atOnce: number,
  act: (item: Item) => Promise<unknown>,
): Promise<void> {
  const failed: unknown[] = [];
  await inTurns(items, atOnce, async (item) => {
    try {
      await act(item);
    } catch (reason) {
      if (failed.length === 0) failed.push(reason);
      await new Promise((resume) => void setImmediate(resume));
    }
  });
  if (failed.length > 0) throw failed[0];
}
