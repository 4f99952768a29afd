import { parseResidentBytes, residentBytes } from '../../bench/resident-memory';

test('the resident set is read in bytes', () => {
  expect(parseResidentBytes('Name:\tnode\nVmHWM:\t  9999 kB\nVmRSS:\t  2048 kB\nThreads:\t1\n')).toBe(
    2_097_152,
  );
});

test("this process' own is that of a process of Node", () => {
  expect(residentBytes(process.pid)).toBeGreaterThan(10 * 2 ** 20);
});
