import { lives, write, type Case, type Message } from '../case';
import { fragments, frame, OPCODE } from '../frames';

const KIB = 1024;
const MIB = 1024 * KIB;
const MESSAGES = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
const FRAGMENTS = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
const PIECES = [64, 128, 256, 512, KIB, 2 * KIB];
const MANY = [0, 16, 64, 256, KIB, 4 * KIB];
const MANY_COUNT = 1000;

/** Messages of one kind and size are one. */
const made = new Map<string, Message>();

/** Group 9: large messages, and many. A bridge takes them with limits that let it. */
export const SIZES: readonly Case[] = [
  ...[OPCODE.text, OPCODE.binary].flatMap((opcode, kind) => [
    ...MESSAGES.map((bytes, index) =>
      large(`9.${1 + kind}.${index + 1}`, `of ${bytes} bytes`, opcode, bytes, (data) => [
        frame(opcode, data),
      ]),
    ),
    ...FRAGMENTS.map((each, index) =>
      large(`9.${3 + kind}.${index + 1}`, `of 4 MiB in fragments of ${each}`, opcode, 4 * MIB, (data) =>
        fragments(opcode, data, each),
      ),
    ),
    ...PIECES.map((pieceBytes, index) =>
      large(
        `9.${5 + kind}.${index + 1}`,
        `of 1 MiB in pieces of ${pieceBytes}`,
        opcode,
        MIB,
        (data) => [frame(opcode, data)],
        pieceBytes,
      ),
    ),
    ...MANY.map((bytes, index) => many(`9.${7 + kind}.${index + 1}`, opcode, bytes)),
  ]),
];

function messageOf(opcode: number, bytes: number): Message {
  const key = `${opcode} ${bytes}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const binary = opcode === OPCODE.binary;
  const data = binary ? Buffer.alloc(bytes, '00fe23faf0', 'hex') : Buffer.alloc(bytes, 'BAsd7&jh23');
  made.set(key, { data, binary });
  return { data, binary };
}

function large(
  id: string,
  what: string,
  opcode: number,
  bytes: number,
  framesOf: (data: Buffer) => readonly Buffer[],
  pieceBytes?: number,
): Case {
  const message = messageOf(opcode, bytes);
  const steps = [
    {
      // Its bytes are made when they are sent: all of them at once would fill the memory.
      get write() {
        return Buffer.concat(framesOf(message.data));
      },
      ...(pieceBytes === undefined ? {} : { pieceBytes }),
    },
  ];
  return lives(id, `takes a message ${what} (opcode ${opcode})`, steps, { relayed: [message] });
}

function many(id: string, opcode: number, bytes: number): Case {
  const relayed = Array.from({ length: MANY_COUNT }, () => messageOf(opcode, bytes));
  const says = `takes ${MANY_COUNT} messages of ${bytes} bytes in their order (opcode ${opcode})`;
  const steps = [write(Buffer.concat(relayed.map(({ data }) => frame(opcode, data))))];
  return lives(id, says, steps, { relayed });
}
