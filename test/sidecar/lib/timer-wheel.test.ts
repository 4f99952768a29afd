import fc from 'fast-check';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';

const START = 1_700_000_000_000;

describe('a timer wheel', () => {
  it('runs each deadline once, not before it is due and at most a tick after, whatever turns it takes', () => {
    const delay = fc.nat({ max: 5000 });
    fc.assert(
      fc.property(
        fc.array(delay, { maxLength: 50 }),
        fc.array(fc.nat({ max: 3000 }), { maxLength: 20 }),
        (delays, steps) => {
          const wheel = new TimerWheel(10, 16, START);
          const ran = delays.map(() => 0);
          delays.forEach((ms, index) => wheel.add(START + ms, () => (ran[index] = (ran[index] ?? 0) + 1)));
          let now = START;
          for (const step of steps) {
            wheel.advance((now += step));
            for (const [index, ms] of delays.entries()) {
              if (START + ms > now) expect(ran[index]).toBe(0);
              if (START + Math.max(ms, 1) + 10 <= now) expect(ran[index]).toBe(1);
            }
            expect(wheel.size).toBe(ran.filter((count) => count === 0).length);
          }
        },
      ),
    );
  });

  it('is exact to the tick', () => {
    for (let ms = 1; ms <= 40; ms += 1) {
      const wheel = new TimerWheel(10, 4, START);
      let ran = 0;
      wheel.add(START + ms, () => (ran += 1));
      wheel.advance(START + ms - 1);
      expect(ran).toBe(0);
      wheel.advance(START + Math.ceil(ms / 10) * 10);
      expect(ran).toBe(1);
    }
  });

  it('counts what is ahead, whatever is cancelled twice or too late', () => {
    const wheel = new TimerWheel(10, 4, START);
    const [first, second] = [wheel.add(START + 5, () => undefined), wheel.add(START + 50, () => undefined)];
    wheel.add(START + 90, () => undefined);
    wheel.advance(START + 10);
    first.cancel();
    second.cancel();
    second.cancel();
    expect(wheel.size).toBe(1);
  });

  it('goes by the clock as it is after it was set back', () => {
    const wheel = new TimerWheel(10, 4, START);
    const back = START - 3_600_000;
    wheel.advance(back);
    let ran = 0;
    wheel.add(back + 50, () => (ran += 1));
    wheel.advance(back + 40);
    expect(ran).toBe(0);
    wheel.advance(back + 50);
    expect(ran).toBe(1);
  });

  it('runs nothing twice that is added again as it runs, however far the clock jumps', () => {
    const wheel = new TimerWheel(10, 4, START);
    let ran = 0;
    const again = (): void => {
      ran += 1;
      wheel.add(START, again);
    };
    wheel.add(START, again);
    for (const [jumps, ms] of [10, 1000, 1_000_000].entries()) {
      wheel.advance(START + ms);
      expect(ran).toBe(jumps + 1);
    }
  });

  it('does not run what was cancelled, even by what ran in the same tick', () => {
    const wheel = new TimerWheel(10, 4, START);
    const ran: string[] = [];
    wheel.add(START + 5, () => {
      ran.push('first');
      second.cancel();
    });
    const second = wheel.add(START + 5, () => ran.push('second'));
    wheel.add(START + 20, () => ran.push('third')).cancel();
    wheel.advance(START + 100);
    expect([ran, wheel.size]).toEqual([['first'], 0]);
  });

  it('runs at the next tick what is due already, and nothing while the clock goes back', () => {
    const wheel = new TimerWheel(10, 4, START);
    const ran: string[] = [];
    wheel.add(START - 60_000, () => ran.push('late'));
    wheel.advance(START - 5000);
    expect(ran).toEqual([]);
    wheel.advance(START + 10);
    expect(ran).toEqual(['late']);
  });

  it('runs what is due at once in slices, and not what was cancelled between two', () => {
    let nowMs = 0;
    const laters: (() => void)[] = [];
    const shares = new LoopShares({ nowMs: () => nowMs, later: (run) => void laters.push(run) });
    const wheel = new TimerWheel(10, 4, START, shares);
    let ran = 0;
    const timers = Array.from({ length: 100 }, () =>
      wheel.add(START + 10, () => {
        ran += 1;
        nowMs += 1;
      }),
    );
    wheel.advance(START + 20);
    expect(ran).toBe(SLICE_MS);
    timers.at(-1)?.cancel();
    for (let run = laters.shift(); run !== undefined; run = laters.shift()) {
      const fromMs = nowMs;
      run();
      expect(nowMs - fromMs).toBeLessThanOrEqual(SLICE_MS);
    }
    expect([ran, wheel.size]).toEqual([99, 0]);
  });
});
