import { afterEach } from '@jest/globals';
import { attempt, Client } from './client';
import type { Stack } from './stack';

/** Upgrades of one kind, made one after the other by several workers until stopped. */
export interface Load {
  /** Resolves once this many more have been answered. */
  answered(count: number): Promise<void>;
  /** Ends it; what came of each upgrade: 101, another status, or the error's code. */
  stop(): Promise<Record<string, number>>;
}

const unstopped = new Set<Load>();
// A test that failed stops none, and jest would never end.
afterEach(async () => {
  await Promise.all([...unstopped].map((load) => load.stop()));
});

/** Starts to upgrade with this token on this path. */
export function startLoad(stack: Pick<Stack, 'url'>, path: string, bearer: string, workers = 4): Load {
  const outcomes: Record<string, number> = {};
  const waiting: { at: number; resolve: () => void }[] = [];
  let total = 0;
  let stopped = false;
  const running = Array.from({ length: workers }, () => work());

  async function work(): Promise<void> {
    while (!stopped) {
      const outcome = await upgradeOnce();
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      total += 1;
      for (const { at, resolve } of waiting) if (at <= total) resolve();
    }
  }

  async function upgradeOnce(): Promise<string> {
    try {
      const result = await attempt(stack, path, bearer);
      if (!(result instanceof Client)) return String(result.status);
      await result.close();
      return '101';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    }
  }

  const load: Load = {
    answered: (count) =>
      new Promise((resolve) => {
        waiting.push({ at: total + count, resolve });
      }),
    async stop() {
      stopped = true;
      unstopped.delete(load);
      await Promise.all(running);
      return outcomes;
    },
  };
  unstopped.add(load);
  return load;
}
