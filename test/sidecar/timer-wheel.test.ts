import fc from 'fast-check';
import { TimerWheel } from '../../sidecar/timer-wheel';

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
});
