import { FairTurns, type Urgency } from '../../../sidecar/lib/fair-turns';

/** Work that goes on until the test ends it. */
class Work {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();
  readonly turns = new FairTurns({ atOnce: 4, ofOne: 3 });

  take(owner: string, name: string, urgency: Urgency = 'awaited'): Promise<string> {
    return this.turns.take(owner, urgency, async () => {
      this.begun.push(name);
      await new Promise<void>((end) => this.#ends.set(name, end));
      return name;
    });
  }

  /** So many of an owner. */
  takeMany(owner: string, count: number, urgency?: Urgency): void {
    for (let number = 1; number <= count; number += 1) void this.take(owner, `${owner}${number}`, urgency);
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let work: Work;
beforeEach(() => {
  work = new Work();
});

describe('fair turns', () => {
  it('begin at once while there is room, and leave room for another owner', () => {
    work.takeMany('a', 9);
    expect(work.begun).toEqual(['a1', 'a2', 'a3']);
    work.takeMany('b', 2);
    expect(work.begun).toEqual(['a1', 'a2', 'a3', 'b1']);
    expect(work.turns.waiting).toBe(7);
  });

  it('go round the owners who wait, however many each waits for', async () => {
    work.takeMany('a', 9);
    work.takeMany('b', 2);
    work.takeMany('c', 2);
    for (const name of ['b1', 'a1', 'b2', 'a2', 'c1']) await work.end(name);
    expect(work.begun.slice(4)).toEqual(['b2', 'c1', 'a4', 'c2', 'a5']);
  });

  it('give a place that is free to who has waited, and to nobody who comes in that moment', async () => {
    work.takeMany('a', 3);
    work.takeMany('b', 2);
    const ended = work.end('b1');
    void work.take('c', 'c1');
    await ended;
    expect(work.begun.slice(4)).toEqual(['b2']);
    await work.end('b2');
    expect(work.begun.slice(5)).toEqual(['c1']);
  });

  it("take an owner's awaited work and its other work in turn", async () => {
    work.takeMany('a', 3);
    for (const name of ['l1', 'l2', 'l3']) void work.take('a', name, 'later');
    for (const name of ['n1', 'n2']) void work.take('a', name);
    for (const name of ['a1', 'a2', 'a3', 'n1', 'l1']) await work.end(name);
    expect(work.begun.slice(3)).toEqual(['n1', 'l1', 'n2', 'l2', 'l3']);
  });

  it('end with what the work returned or threw, and go on either way', async () => {
    const failing = work.turns.take('a', 'awaited', () => Promise.reject(new Error('failed')));
    await expect(failing).rejects.toThrow('failed');
    const throwing = work.turns.take('a', 'awaited', () => {
      throw new Error('threw');
    });
    await expect(throwing).rejects.toThrow('threw');
    const taken = work.take('a', 'a1');
    await work.end('a1');
    expect([await taken, work.turns.waiting]).toEqual(['a1', 0]);
  });

  it('have at no time more than there may be, and forget nobody', async () => {
    for (const owner of ['a', 'b', 'c']) work.takeMany(owner, 20);
    for (let ended = 0; ended < 60; ended += 1) {
      expect(work.begun.length - ended).toBe(Math.min(4, 60 - ended));
      await work.end(work.begun[ended] ?? '');
    }
    expect([new Set(work.begun).size, work.turns.waiting]).toEqual([60, 0]);
  });
});
