import { writeSync, openSync, closeSync } from 'node:fs';
import { parseWriteCalls, writeCalls } from '../../bench/write-calls';

test('calls that write are read, and not the bytes that they wrote', () => {
  expect(parseWriteCalls('rchar: 6976\nwchar: 12\nsyscr: 10\nsyscw: 3\nwrite_bytes: 4096\n')).toBe(3);
});

test("this process' own calls grow as it writes", () => {
  const nowhere = openSync('/dev/null', 'w');
  const before = writeCalls(process.pid);
  for (let call = 0; call < 10; call += 1) writeSync(nowhere, 'x');
  closeSync(nowhere);
  expect(writeCalls(process.pid)).toBeGreaterThanOrEqual(before + 10);
});
