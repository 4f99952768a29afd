import { Alarm } from '../../client/src/alarm.ts';
import { FakeClock } from './fake-clock';

const DAY_MS = 86_400_000;

function started(): { readonly clock: FakeClock; readonly alarm: Alarm; rings: () => number } {
  const clock = new FakeClock();
  let count = 0;
  const alarm = new Alarm(clock, () => (count += 1));
  return { clock, alarm, rings: () => count };
}

describe('an alarm', () => {
  it('rings once after its delay, or not at all when it is set anew', async () => {
    const { clock, alarm, rings } = started();
    alarm.set(1_000);
    await clock.advance(999);
    alarm.set(1_000);
    await clock.advance(999);
    expect(rings()).toBe(0);
    await clock.advance(1);
    await clock.advance(10_000);
    expect(rings()).toBe(1);
  });

  it('rings after a delay that no timer takes, such as 60 days', async () => {
    const { clock, alarm, rings } = started();
    alarm.set(60 * DAY_MS);
    await clock.advance(60 * DAY_MS - 1);
    expect(rings()).toBe(0);
    await clock.advance(1);
    expect(rings()).toBe(1);
  });

  it('never rings after Infinity or undefined, and holds no timer', async () => {
    const { clock, alarm, rings } = started();
    alarm.set(5);
    alarm.set(Infinity);
    alarm.set();
    expect(clock.pending).toBe(0);
    await clock.advance(60 * DAY_MS);
    expect(rings()).toBe(0);
  });

  it('rings at once for a delay that is over', async () => {
    const { clock, alarm, rings } = started();
    alarm.set(-5);
    await clock.advance(0);
    expect(rings()).toBe(1);
  });
});
