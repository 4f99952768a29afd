import fc from 'fast-check';
import { LoopShares, SHARE_MS, SLICE_MS, type Steps } from '../../../sidecar/lib/loop-shares';

/** A loop whose time passes only in steps. */
function rig() {
  const loop = { nowMs: 0, laters: [] as (() => void)[] };
  const shares = new LoopShares({
    nowMs: () => loop.nowMs,
    later: (run) => void loop.laters.push(run),
  });
  const done: string[] = [];
  /** Steps that take `ms` each. */
  const work = function* (name: string, count: number, ms: number): Steps {
    for (let index = 0; index < count; index += 1) {
      loop.nowMs += ms;
      done.push(`${name}${index}`);
      yield;
    }
  };
  /** Goes round the loop until nothing is left to do. @returns how long each turn of it worked */
  const turns = (): number[] => {
    const stretches: number[] = [];
    for (let run = loop.laters.shift(); run !== undefined; run = loop.laters.shift()) {
      const fromMs = loop.nowMs;
      run();
      stretches.push(loop.nowMs - fromMs);
    }
    return stretches;
  };
  return { loop, shares, done, work, turns };
}

describe('shares of the event loop', () => {
  it('begin at once, and let in what else came once a slice is over', () => {
    const { loop, shares, done, work, turns } = rig();
    shares.run('acme', work('a', 100, 0.5));
    expect(loop.nowMs).toBe(SLICE_MS);
    expect(done).toHaveLength(SLICE_MS / 0.5);
    expect(loop.laters).toHaveLength(1);
    for (const ms of turns()) expect(ms).toBeLessThanOrEqual(SLICE_MS);
    expect(done).toEqual(Array.from({ length: 100 }, (_, index) => `a${index}`));
    const fromMs = loop.nowMs;
    shares.run('acme', work('b', 100, 0.5));
    expect(loop.nowMs - fromMs).toBe(SLICE_MS);
  });

  it('do single steps at once until a slice is over, and then what these made for others', () => {
    const { loop, shares, done, work, turns } = rig();
    const step = (name: string) => () => {
      loop.nowMs += SLICE_MS / 2;
      done.push(name);
    };
    shares.once('acme', () => {
      step('first')();
      shares.once('globex', step('made by the first'));
      done.push('end of the first');
    });
    shares.once('acme', step('late'));
    shares.run('acme', work('later', 1, 1));
    expect(done).toEqual(['first', 'end of the first', 'made by the first']);
    turns();
    expect(done.slice(3)).toEqual(['late', 'later0']);
  });

  it('hand a step’s error to its caller, and go on', () => {
    const { shares, done, work, turns } = rig();
    expect(() => {
      shares.once('acme', () => {
        shares.run('acme', work('a', 2, 0.5));
        throw new Error('thrown');
      });
    }).toThrow('thrown');
    turns();
    shares.run('acme', work('b', 1, 0.5));
    expect(done).toEqual(['a0', 'a1', 'b0']);
  });

  it('do all of each owner in its order, and are never longer than a slice and a step, whatever comes', () => {
    const piece = fc.record({
      owner: fc.constantFrom('acme', 'globex', 'initech'),
      count: fc.nat({ max: 30 }),
      ms: fc.integer({ min: 1, max: 8 }).map((eighths) => eighths / 8),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const { loop, shares, done, work, turns } = rig();
        for (const [index, { owner, count, ms }] of pieces.entries()) {
          shares.run(owner, work(`${owner} ${index} `, count, ms));
        }
        expect(loop.nowMs).toBeLessThanOrEqual(SLICE_MS + 1);
        for (const ms of turns()) expect(ms).toBeLessThanOrEqual(SLICE_MS + 1);
        for (const each of ['acme', 'globex', 'initech']) {
          const wanted = pieces.flatMap(({ owner, count }, piece) =>
            owner === each ? Array.from({ length: count }, (_, step) => `${owner} ${piece} ${step}`) : [],
          );
          expect(done.filter((name) => name.startsWith(each))).toEqual(wanted);
        }
      }),
    );
  });

  it('go round all owners who have work: nobody waits for all of another’s', () => {
    const { loop, shares, done, work, turns } = rig();
    shares.run('acme', work('a', 1000, 0.25));
    const fromMs = loop.nowMs;
    shares.run('globex', work('b', 1, 0.25));
    turns();
    const before = done.indexOf('b0') * 0.25 - fromMs;
    expect(before).toBeLessThanOrEqual(SHARE_MS);
    expect(done).toHaveLength(1001);
  });

  it('give the bridge’s own parts every second one, however many tenants have work', () => {
    const { shares, done, work, turns } = rig();
    for (let tenant = 0; tenant < 100; tenant += 1)
      shares.run(`t${tenant}`, work(`t${tenant} `, 10, SHARE_MS));
    const before = done.length;
    shares.run(Symbol('a part'), work('own', 10, SHARE_MS));
    shares.run(Symbol('another'), work('other', 10, SHARE_MS));
    turns();
    expect(done.indexOf('own9')).toBeLessThanOrEqual(before + 4 * 10);
    expect(done.indexOf('other9')).toBeLessThanOrEqual(before + 4 * 10);
    // And no more than that: a tenant's share comes after each.
    const own = done.flatMap((name, at) => (name.startsWith('o') ? [at] : []));
    expect(own.slice(1).every((at, index) => at - (own[index] ?? 0) === 2)).toBe(true);
    expect(done).toHaveLength(1020);
  });

  it('go on after a step that throws, which ends only what it is part of', () => {
    const { shares, done, work, turns } = rig();
    shares.run('acme', work('a', 20, 1));
    shares.once('globex', () => {
      throw new Error('a fault');
    });
    shares.run('globex', work('b', 2, 1));
    expect(() => turns()).toThrow('a fault');
    turns();
    expect(done.filter((name) => name.startsWith('b'))).toEqual(['b0', 'b1']);
    expect(done).toHaveLength(22);
  });

  it('answer who asks with what the step returned or threw, and say when nothing waits', async () => {
    const { shares, work, turns } = rig();
    shares.run('acme', work('a', 100, 1));
    const asked = shares.ask('acme', () => 'answer');
    const failed = shares.ask('acme', () => {
      throw new Error('a fault');
    });
    failed.catch(() => undefined);
    const settled = shares.settled();
    turns();
    await settled;
    expect(await asked).toBe('answer');
    await expect(failed).rejects.toThrow('a fault');
  });
});
