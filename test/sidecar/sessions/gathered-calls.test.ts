import { GatheredCalls } from '../../../sidecar/sessions/session-store';

describe('gathered calls', () => {
  it('make one call of what is asked for in one turn, and answer each its own', async () => {
    const made: string[][] = [];
    const calls = new GatheredCalls(async (items: readonly string[]) => {
      made.push([...items]);
      return Promise.resolve(items.map((item) => item.toUpperCase()));
    }, 10);
    const first = Promise.all(['a', 'b', 'c'].map((item) => calls.ask(item)));
    expect(await first).toEqual(['A', 'B', 'C']);
    expect(await calls.ask('d')).toBe('D');
    expect(made).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('have no more than so many items in a call', async () => {
    const sizes: number[] = [];
    const calls = new GatheredCalls((items: readonly number[]) => {
      sizes.push(items.length);
      return Promise.resolve(items);
    }, 2);
    expect(await Promise.all([1, 2, 3, 4, 5].map((item) => calls.ask(item)))).toEqual([1, 2, 3, 4, 5]);
    expect(sizes).toEqual([2, 2, 1]);
  });

  it('that fail fail those who went with them, and no others', async () => {
    const calls = new GatheredCalls((items: readonly number[]) => {
      if (items.includes(2)) return Promise.reject(new Error('lost'));
      return Promise.resolve(items);
    }, 2);
    const outcomes = await Promise.allSettled([1, 2, 3].map((item) => calls.ask(item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });

  it('that are refused for one of their items are taken apart: only that one fails', async () => {
    const made: number[][] = [];
    const calls = new GatheredCalls((items: readonly number[]) => {
      made.push([...items]);
      if (items.includes(3)) return Promise.reject(new Error('NOPERM No permissions to access a key'));
      return Promise.resolve(items);
    }, 10);
    const outcomes = await Promise.allSettled([1, 2, 3, 4].map((item) => calls.ask(item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(made).toHaveLength(5);
  });

  it('are not taken apart for what is true of all: Redis as it is', async () => {
    let made = 0;
    const calls = new GatheredCalls((): Promise<readonly number[]> => {
      made += 1;
      return Promise.reject(new Error('OOM command not allowed when used memory > maxmemory'));
    }, 10);
    await Promise.allSettled([1, 2, 3, 4].map((item) => calls.ask(item)));
    expect(made).toBe(1);
  });
});
