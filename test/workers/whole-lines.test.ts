import { expect, it } from '@jest/globals';
import { WholeLines } from '../../workers/whole-lines';

it('lines come whole however they were cut, and the last one although its worker died in it', () => {
  const written: string[] = [];
  const lines = new WholeLines((line) => void written.push(line));
  const bytes = Buffer.from('{"user":"zoë"}\n\n{"b":2}\n{"half');
  for (const byte of bytes) lines.push(Buffer.from([byte]));
  expect(written).toEqual(['{"user":"zoë"}\n', '\n', '{"b":2}\n']);
  lines.end();
  lines.end();
  expect(written.at(-1)).toBe('{"half\n');
  expect(written).toHaveLength(4);
});
