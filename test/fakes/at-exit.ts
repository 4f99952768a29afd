/** Things that must not outlive this process, and how they end. */
export interface EndedAtExit<T> {
  add(one: T): void;
  delete(one: T): void;
}

/**
 * Ends what is in it with this process. It listens for the process's end only while there is something: each test file has
 * modules of its own, and all files of a worker share one process.
 */
export function endedAtExit<T>(end: (one: T) => void): EndedAtExit<T> {
  const held = new Set<T>();
  const endAll = (): void => {
    for (const one of held) end(one);
  };
  return {
    add: (one) => {
      if (held.size === 0) process.on('exit', endAll);
      held.add(one);
    },
    delete: (one) => {
      held.delete(one);
      if (held.size === 0) process.off('exit', endAll);
    },
  };
}
