/**
 * Calls once, at the end of the event loop's turn, for all who ask in that turn.
 * @returns asks; what it returns settles as the call does, which begins after it
 */
export function onceATurn<T>(call: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () =>
    (asked ??= new Promise<void>((resolve) => void setImmediate(resolve)).then(() => {
      asked = undefined;
      return call();
    }));
}
