import { expect, it } from '@jest/globals';
import { StrictReader } from './strict-reader';

function read(hex: string, pieceBytes = 1): readonly string[] {
  const reader = new StrictReader();
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  return pieces.flatMap((piece) =>
    reader.push(piece).map(({ opcode, payload }) => `${opcode} ${payload.toString('hex')}`),
  );
}

const HELLO = '48656c6c6f';

it.each([
  ['a text message of RFC 6455 §5.7', `8105${HELLO}`, [`1 ${HELLO}`]],
  ['one in two fragments', '010348656c 80026c6f', [`1 ${HELLO}`]],
  ['one with a ping in the middle', '010348656c 8900 80026c6f', ['9 ', `1 ${HELLO}`]],
  ['a message of 256 bytes', `827e0100${'00'.repeat(256)}`, [`2 ${'00'.repeat(256)}`]],
  ['a close frame with a reason', `880703e8${HELLO}`, [`8 03e8${HELLO}`]],
])('a strict reader takes %s', (_, hex, received) => {
  for (const pieceBytes of [1, 3, 1000]) expect(read(hex, pieceBytes)).toEqual(received);
});

it.each([
  ['a reserved bit', 'c100'],
  ['a reserved opcode', '8300'],
  ['a mask', '818000000000'],
  ['two bytes for a short length', '817e0001 41'],
  ['eight bytes for a length of two', '827f0000000000000001 41'],
  ['a control frame in fragments', '0900'],
  ['a control frame of 126 bytes', `897e007e${'00'.repeat(126)}`],
  ['a continuation of nothing', '8000'],
  ['a message in the middle of another', '0100 8100'],
  ['text that is no UTF-8', '8102c328'],
  ['text whose fragments together are no UTF-8', '0101c3 800128'],
  ['half a close code', '880103'],
  ['a close code that is never sent', '880203ed'],
  ['a close reason that is no UTF-8', '880303e8ff'],
  ['a frame after a close frame', '8800 8900'],
])('a strict reader refuses %s', (_, hex) => {
  expect(() => read(hex)).toThrow('expected, by RFC 6455 §');
});
