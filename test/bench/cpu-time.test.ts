import { cpuTimeUs, parseCpuTimeUs } from '../../bench/cpu-time';

test('user and system time are read behind a name with spaces and parentheses', () => {
  const stat = '42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 9 20 0 1 0 12345 1 1';
  expect(parseCpuTimeUs(stat)).toBe(3_000_000);
});

test("this process' own time grows as it works", () => {
  const before = cpuTimeUs(process.pid);
  const own = process.cpuUsage();
  while (process.cpuUsage(own).user < 100_000);
  expect(cpuTimeUs(process.pid)).toBeGreaterThan(before);
});
