import { Observations } from '../../../bench/neighbour/observations';
import { scheduleFrom } from '../../../bench/neighbour/schedule';

const SCHEDULE = scheduleFrom(0, 10);
const { calm, within, over } = SCHEDULE.startUs;

test('what takes its time counts to the phase in which it began', () => {
  const seen = new Observations(SCHEDULE);
  seen.latency('ack', within - 1, within + 5_000_000);
  seen.alive(within - 1, within + 300_000 - 1);
  const figures = seen.figures();
  expect(figures.calm.figures['acks']).toBe(1);
  expect(figures.calm.figures['livezMs']).toBe(300);
  expect(figures.within.figures['acks']).toBe(0);
});

test('what comes before the first phase does not count, and after the last only what went wrong', () => {
  const seen = new Observations(SCHEDULE);
  seen.fault('gaps', calm - 1);
  seen.fault('gaps', SCHEDULE.endUs + 1);
  seen.latency('token', SCHEDULE.endUs, SCHEDULE.endUs + 1);
  const { figures } = seen.figures().over;
  expect({ gaps: figures['gaps'], tokens: figures['tokens'] }).toEqual({ gaps: 1, tokens: 0 });
});

test('refusals are counted together, and each reason by itself', () => {
  const seen = new Observations(SCHEDULE);
  for (const reason of ['upgrade 503', 'upgrade 503', 'command UNAVAILABLE']) seen.refusal(reason, over);
  const { figures, refusals } = seen.figures().over;
  expect(figures['refused']).toBe(3);
  expect(refusals).toEqual({ 'upgrade 503': 2, 'command UNAVAILABLE': 1 });
});
