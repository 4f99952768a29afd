import { attackEndsUs, phaseAt, scheduleFrom } from '../../../bench/neighbour/schedule';

const SCHEDULE = scheduleFrom(10_000_000, 5);

test('the phases follow each other, each as long, after what does not count', () => {
  const { beginUs, startUs, endUs } = SCHEDULE;
  expect([startUs.within - startUs.calm, startUs.over - startUs.within, endUs - startUs.over]).toEqual([
    5_000_000, 5_000_000, 5_000_000,
  ]);
  expect(phaseAt(SCHEDULE, beginUs)).toBeUndefined();
});

test('a moment belongs to the phase that began last, and what comes after all of them to the last', () => {
  const { startUs, endUs } = SCHEDULE;
  expect(phaseAt(SCHEDULE, startUs.calm)).toBe('calm');
  expect(phaseAt(SCHEDULE, startUs.within - 1)).toBe('calm');
  expect(phaseAt(SCHEDULE, startUs.within)).toBe('within');
  expect(phaseAt(SCHEDULE, endUs + 1)).toBe('over');
});

test('A is gone before its phase ends, so that what it left behind counts to that phase', () => {
  expect(attackEndsUs(SCHEDULE, 'within')).toBeLessThan(SCHEDULE.startUs.over);
  expect(attackEndsUs(SCHEDULE, 'over')).toBeLessThan(SCHEDULE.endUs);
});
