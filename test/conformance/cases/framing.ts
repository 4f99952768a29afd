import { lives, write, type Case, type Message } from '../case';
import { frame, OPCODE } from '../frames';

const SIZES = [0, 125, 126, 127, 128, 65_535, 65_536];
const PIECE_BYTES = 997;

/** Group 1: whole messages of each size at which the form of the length changes. */
export const FRAMING: readonly Case[] = [
  ...messagesOf('1.1', OPCODE.text, '*'),
  ...messagesOf('1.2', OPCODE.binary, '\xfe'),
];

function messagesOf(group: string, opcode: number, filler: string): readonly Case[] {
  const kind = opcode === OPCODE.text ? 'text' : 'binary';
  const message = (bytes: number): Message => ({
    data: Buffer.alloc(bytes, filler, 'latin1'),
    binary: opcode === OPCODE.binary,
  });
  const whole = SIZES.map((bytes, index) =>
    lives(
      `${group}.${index + 1}`,
      `takes a ${kind} message of ${bytes} bytes`,
      [write(frame(opcode, message(bytes).data))],
      { relayed: [message(bytes)] },
    ),
  );
  const inPieces = lives(
    `${group}.8`,
    `takes a ${kind} message of 65536 bytes in pieces of ${PIECE_BYTES}`,
    [write(frame(opcode, message(65_536).data), PIECE_BYTES)],
    { relayed: [message(65_536)] },
  );
  return [...whole, inPieces];
}
