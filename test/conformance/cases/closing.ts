import { ends, lives, write, type Case } from '../case';
import { closeFrame, frame, OPCODE } from '../frames';

const HELLO = Buffer.from('Hello World!');
const LONG = Buffer.alloc(256 * 1024, 'BAsd7&jh23');
const MAY_BE_SENT = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
const MAY_NOT_BE_SENT = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
const BEYOND = [5000, 65_535];
/** A surrogate stands in it. */
const NO_UTF8 = Buffer.from('cebae1bdb9cf83cebcceb5eda080656469746564', 'hex');

/** Group 7: the closing handshake. */
export const CLOSING: readonly Case[] = [
  lives('7.1.1', 'takes the message before a close frame', [write(frame(OPCODE.text, HELLO))], {
    relayed: [{ data: HELLO, binary: false }],
  }),
  after('7.1.2', 'a second close frame', frame(OPCODE.close)),
  after('7.1.3', 'a ping', frame(OPCODE.ping)),
  after('7.1.4', 'a message', frame(OPCODE.text, HELLO)),
  ends(
    '7.1.5',
    'takes no message that a close frame cuts in two',
    [
      write(frame(OPCODE.text, 'fragment1', { fin: false })),
      write(closeFrame(1000)),
      write(frame(OPCODE.continuation, 'fragment2')),
    ],
    [1000],
  ),
  ends(
    '7.1.6',
    'may take a long message and a short one before a close frame',
    [
      write(
        Buffer.concat([
          ...[frame(OPCODE.text, LONG), frame(OPCODE.text, HELLO)],
          ...[closeFrame(1000), frame(OPCODE.ping)],
        ]),
      ),
    ],
    [1000],
    {
      relayed: [
        { data: LONG, binary: false },
        { data: HELLO, binary: false },
      ],
    },
    { isInformational: true, verdict: 'INFORMATIONAL' },
  ),
  ends('7.3.1', 'answers a close frame without a code', [write(frame(OPCODE.close))], [1000, 1005]),
  ends('7.3.2', 'fails the connection at half a close code', [write(frame(OPCODE.close, 'a'))], [1002]),
  ends('7.3.3', 'answers a close frame with a code', [write(closeFrame(1000))], [1000]),
  ends('7.3.4', 'answers one with a reason', [write(closeFrame(1000, HELLO))], [1000]),
  ends('7.3.5', 'answers one with a reason of 123 bytes', [write(closeFrame(1000, '*'.repeat(123)))], [1000]),
  ends(
    '7.3.6',
    'fails the connection at a reason of 124 bytes',
    [write(closeFrame(1000, '*'.repeat(124)))],
    [1002],
  ),
  ends(
    '7.5.1',
    'fails the connection at a reason that is no UTF-8',
    [write(closeFrame(1000, NO_UTF8))],
    [1002, 1007],
  ),
  ...MAY_BE_SENT.map((code, index) =>
    ends(`7.7.${index + 1}`, `answers the close code ${code}`, [write(closeFrame(code))], [1000, code]),
  ),
  ...MAY_NOT_BE_SENT.map((code, index) =>
    ends(
      `7.9.${index + 1}`,
      `fails the connection at the close code ${code}`,
      [write(closeFrame(code))],
      [1002],
    ),
  ),
  ...BEYOND.map((code, index) =>
    ends(
      `7.13.${index + 1}`,
      `answers the close code ${code}`,
      [write(closeFrame(code))],
      [1000, 1002, code],
      {},
      {
        isInformational: true,
        verdict: 'INFORMATIONAL',
      },
    ),
  ),
];

/** Bytes behind the client's close frame do nothing (RFC 6455 §5.5.1). */
function after(id: string, what: string, bytes: Buffer): Case {
  return ends(id, `ignores ${what} after a close frame`, [write(closeFrame(1000)), write(bytes)], [1000]);
}
