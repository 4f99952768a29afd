import type { Steps } from '../../../sidecar/lib/loop-shares';
import { RepeatedPass } from '../../../sidecar/lib/repeated-pass';
import { takeAll } from '../all-steps';

let begun: Steps[];
let passes: number;
let failure: Error | undefined;
let pass: RepeatedPass;
beforeEach(() => {
  [begun, passes, failure] = [[], 0, undefined];
  pass = new RepeatedPass(
    (steps) => void begun.push(steps),
    function* () {
      passes += 1;
      yield 'first';
      if (failure !== undefined) throw failure;
      yield 'second';
    },
  );
});

/** The steps that were begun last. */
function latest(): Steps {
  return begun.at(-1) ?? [].values();
}

describe('a pass', () => {
  it('is made once for all who ask before it begins, and again for those who ask after it', () => {
    for (let asked = 0; asked < 5; asked += 1) pass.ask();
    takeAll(latest());
    expect([begun.length, passes]).toEqual([1, 1]);
    pass.ask();
    takeAll(latest());
    expect([begun.length, passes]).toEqual([2, 2]);
  });

  it('is made once more for all who ask in the middle of it', () => {
    pass.ask();
    latest().next();
    for (let asked = 0; asked < 5; asked += 1) pass.ask();
    takeAll(latest());
    expect([begun.length, passes]).toEqual([1, 2]);
  });

  it('is made for who asked in the middle of one that failed', () => {
    pass.ask();
    latest().next();
    failure = new Error('failed');
    pass.ask();
    expect(() => latest().next()).toThrow('failed');
    failure = undefined;
    expect(begun).toHaveLength(2);
    takeAll(latest());
    expect(passes).toBe(2);
    pass.ask();
    takeAll(latest());
    expect(passes).toBe(3);
  });
});
