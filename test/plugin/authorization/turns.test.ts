import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { NoTurnError, Turns } from '../../../plugin/authorization/turns';

const LONG_MS = 60_000;

/** Work that ends when it is told to. */
function works(turns: Turns) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const take = (work: string, owner: string, timeoutMs = LONG_MS): Promise<string> =>
    turns.take(owner, timeoutMs, async () => {
      begun.push(work);
      await new Promise<void>((end) => ends.set(work, end));
      return work;
    });
  const end = async (work: string): Promise<void> => {
    ends.get(work)?.();
    await turn();
  };
  return { begun, take, end };
}

describe('turns', () => {
  it('are as many of one owner at once, however often one was given back, and in the order of their calls', async () => {
    const { begun, take, end } = works(new Turns(2));
    const all = ['a', 'b', 'c', 'd'].map((work) => take(work, 'acme'));
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('c');
    await end('d');
    const more = ['e', 'f'].map((work) => take(work, 'acme'));
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
    for (const work of ['a', 'e', 'f']) await end(work);
    expect(await Promise.all([...all, ...more])).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('of one owner wait for no other', async () => {
    const { begun, take, end } = works(new Turns(1));
    const both = [take('a', 'acme'), take('b', 'evil')];
    expect(begun).toEqual(['a', 'b']);
    for (const work of ['a', 'b']) await end(work);
    await Promise.all(both);
  });

  it('are given back by work that fails, and by work that could not begin', async () => {
    const turns = new Turns(1);
    const fails = (): Promise<never> => Promise.reject(new Error('no'));
    await expect(turns.take('acme', LONG_MS, fails)).rejects.toThrow('no');
    const { begun, take, end } = works(turns);
    const first = take('a', 'acme');
    await expect(take('b', 'acme', 1)).rejects.toThrow(NoTurnError);
    await end('a');
    const next = take('c', 'acme');
    await end('c');
    expect(await Promise.all([first, next])).toEqual(['a', 'c']);
    expect(begun).toEqual(['a', 'c']);
  });
});
