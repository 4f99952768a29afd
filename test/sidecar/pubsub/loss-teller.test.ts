import { LoopShares, SLICE_MS, stepsOver, type Steps } from '../../../sidecar/lib/loop-shares';
import { LossTeller } from '../../../sidecar/pubsub/loss-teller';

/** A loop whose time passes in steps of half a slice. */
function rig() {
  const laters: (() => void)[] = [];
  let nowMs = 0;
  const told: string[] = [];
  const losses = new LossTeller(
    new LoopShares({ nowMs: () => nowMs, later: (run) => void laters.push(run) }),
  );
  const steps = function* (name: string, count: number): Steps {
    for (let index = 0; index < count; index += 1) {
      nowMs += SLICE_MS / 2;
      told.push(`${name}${index}`);
      yield;
    }
  };
  return { laters, told, losses, steps };
}

describe('a loss that many are told of', () => {
  it('is told in slices, and nothing is made again before the last of them', () => {
    const { laters, told, losses, steps } = rig();
    losses.tell([steps('a', 5)]);
    losses.whenTold(() => told.push('made again'));
    expect(told).toEqual(['a0', 'a1']);
    losses.tell([steps('b', 2)]);
    for (let run = laters.shift(); run !== undefined; run = laters.shift()) {
      const before = told.length;
      run();
      expect(told.length - before).toBeLessThanOrEqual(3);
    }
    expect(told).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'b1', 'made again']);
  });

  it('holds nothing up once it is told', () => {
    const { told, losses, steps } = rig();
    losses.tell([steps('a', 1)]);
    losses.whenTold(() => told.push('made again'));
    expect(told).toEqual(['a0', 'made again']);
  });

  it('reaches everybody else where telling one of them throws, and is made again then', () => {
    const { laters, told, losses, steps } = rig();
    const failing = stepsOver(['a', 'b', 'c'], (name) => {
      if (name === 'b') throw new Error('b is broken');
      told.push(name);
      return true;
    });
    const broken = function* (): Steps {
      yield;
      throw new Error('so is this');
    };
    losses.tell([steps('d', 3), failing, broken(), steps('e', 2)]);
    losses.whenTold(() => told.push('made again'));
    const thrown: unknown[] = [];
    for (let run = laters.shift(); run !== undefined; run = laters.shift()) {
      try {
        run();
      } catch (error) {
        thrown.push(error);
      }
    }
    expect(told).toEqual(['d0', 'd1', 'd2', 'a', 'c', 'e0', 'e1', 'made again']);
    expect(thrown).toEqual([new Error('b is broken')]);
  });
});
