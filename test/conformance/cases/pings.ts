import { ends, lives, write, type Case } from '../case';
import { closeFrame, frame, OPCODE } from '../frames';

const BYTES = Buffer.from('00fffefdfcfb00ff', 'hex');
const LARGEST = Buffer.alloc(125, 0xfe);
const TEN = Array.from({ length: 10 }, (_, index) => Buffer.from(`payload-${index}`));

/** Group 2: pings and pongs. */
export const PINGS: readonly Case[] = [
  answered('2.1', 'without a payload', Buffer.alloc(0)),
  answered('2.2', 'with text', Buffer.from('Hello, world!')),
  answered('2.3', 'with bytes that are no UTF-8', BYTES),
  answered('2.4', 'with 125 bytes', LARGEST),
  ends(
    '2.5',
    'fails the connection at a ping with 126 bytes',
    [write(frame(OPCODE.ping, Buffer.alloc(126, 0xfe)))],
    [1002],
  ),
  answered('2.6', 'with 125 bytes that come one by one', LARGEST, 1),
  unasked('2.7', 'without a payload', ''),
  unasked('2.8', 'with a payload', 'unsolicited'),
  lives(
    '2.9',
    'answers a ping, and not the unsolicited pong before it',
    [write(frame(OPCODE.pong, 'unsolicited')), write(frame(OPCODE.ping, 'ping'))],
    { pongs: [Buffer.from('ping')] },
  ),
  tenPings('2.10', 'answers ten pings, each'),
  tenPings('2.11', 'answers ten pings, each, whose bytes come one by one', 1),
];

function answered(id: string, what: string, payload: Buffer, pieceBytes?: number): Case {
  const steps = [write(frame(OPCODE.ping, payload), pieceBytes)];
  return lives(id, `answers a ping ${what}`, steps, { pongs: [payload] });
}

function unasked(id: string, what: string, payload: string): Case {
  const steps = [write(frame(OPCODE.pong, payload)), write(closeFrame(1000))];
  return ends(id, `answers no unsolicited pong ${what}`, steps, [1000]);
}

function tenPings(id: string, says: string, pieceBytes?: number): Case {
  const bytes = Buffer.concat(TEN.map((payload) => frame(OPCODE.ping, payload)));
  return lives(id, says, [write(bytes, pieceBytes)], { pongs: TEN });
}
