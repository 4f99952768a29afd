import { ends, write, type Case } from '../case';
import { frame, OPCODE, type FrameOptions } from '../frames';

const HELLO = 'Hello, world!';
const FIRST = { relayed: [{ data: Buffer.from(HELLO), binary: false }] };
/** How the bytes come: in one piece, a frame at a time, or one by one. */
type Pieces = 'whole' | 'frames' | 'bytes';

/** Groups 3 and 4: reserved bits, where no extension gave them a meaning, and reserved opcodes. */
export const RESERVED: readonly Case[] = [
  alone('3.1', 'a text message with RSV = 1', frame(OPCODE.text, HELLO, { rsv: 1 })),
  second('3.2', 'RSV = 2', OPCODE.text, HELLO, 'whole', { rsv: 2 }),
  second('3.3', 'RSV = 3', OPCODE.text, HELLO, 'frames', { rsv: 3 }),
  second('3.4', 'RSV = 4', OPCODE.text, HELLO, 'bytes', { rsv: 4 }),
  alone('3.5', 'a binary message with RSV = 5', frame(OPCODE.binary, 'bytes', { rsv: 5 })),
  alone('3.6', 'a ping with RSV = 6', frame(OPCODE.ping, HELLO, { rsv: 6 })),
  alone('3.7', 'a close frame with RSV = 7', frame(OPCODE.close, '', { rsv: 7 })),
  ...opcodes('4.1', 3),
  ...opcodes('4.2', 11),
];

/** Five reserved opcodes in a row. */
function opcodes(group: string, lowest: number): readonly Case[] {
  const name = (index: number): string => `opcode ${lowest + index}`;
  return [
    alone(`${group}.1`, `a frame with ${name(0)}`, frame(lowest)),
    alone(`${group}.2`, `a frame with ${name(1)} and a payload`, frame(lowest + 1, 'reserved')),
    second(`${group}.3`, name(2), lowest + 2, '', 'whole'),
    second(`${group}.4`, `${name(3)} and a payload`, lowest + 3, HELLO, 'whole'),
    second(`${group}.5`, `${name(4)} and a payload`, lowest + 4, HELLO, 'bytes'),
  ];
}

function alone(id: string, what: string, bytes: Buffer): Case {
  return ends(id, `fails the connection at ${what}`, [write(bytes)], [1002]);
}

/** A correct message goes before, a ping behind. */
function second(
  id: string,
  what: string,
  opcode: number,
  payload: string,
  pieces: Pieces,
  options?: FrameOptions,
): Case {
  const frames = [frame(OPCODE.text, HELLO), frame(opcode, payload, options), frame(OPCODE.ping)];
  const says = `takes a message, fails the connection at ${what} and answers no ping after that (${pieces})`;
  const whole = write(Buffer.concat(frames), pieces === 'bytes' ? 1 : undefined);
  const steps = pieces === 'frames' ? frames.map((bytes) => write(bytes)) : [whole];
  return ends(id, says, steps, [1002], FIRST);
}
