import { ends, lives, write, type Case, type Sight, type Step } from '../case';
import { fragments, frame, OPCODE } from '../frames';

const { continuation, text, ping, pong } = OPCODE;
const [ONE, TWO, THREE, FOUR, FIVE] = ['fragment1', 'fragment2', 'fragment3', 'fragment4', 'fragment5'];
const PING = Buffer.from('ping payload');
const OPEN = { fin: false };
const WHOLE = { relayed: [{ data: Buffer.from(ONE + TWO), binary: false }] };
const LONG = Buffer.alloc(65_536, '*');

/** How the bytes come: in one piece, a frame at a time, or one by one. */
const PIECES = ['whole', 'frames', 'bytes'] as const;

/** Groups 5 and 10: messages in fragments. */
export const FRAGMENTATION: readonly Case[] = [
  refused('5.1', 'a ping in two fragments', [frame(ping, ONE, OPEN), frame(continuation, TWO)]),
  refused('5.2', 'a pong in two fragments', [frame(pong, ONE, OPEN), frame(continuation, TWO)]),
  ...PIECES.map((pieces, index) =>
    lives(
      `5.${index + 3}`,
      `takes a message in two fragments (${pieces})`,
      sent([frame(text, ONE, OPEN), frame(continuation, TWO)], pieces),
      WHOLE,
    ),
  ),
  ...PIECES.map((pieces, index) =>
    lives(
      `5.${index + 6}`,
      `answers a ping between two fragments of a message (${pieces})`,
      sent([frame(text, ONE, OPEN), frame(ping, PING), frame(continuation, TWO)], pieces),
      { ...WHOLE, pongs: [PING] },
    ),
  ),
  ...PIECES.map((pieces, index) =>
    ends(
      `5.${index + 9}`,
      `fails the connection at a last fragment of no message (${pieces})`,
      sent([frame(continuation, 'stray'), frame(text, ONE)], pieces),
      [1002],
    ),
  ),
  ...PIECES.map((pieces, index) =>
    ends(
      `5.${index + 12}`,
      `fails the connection at a fragment of no message (${pieces})`,
      sent([frame(continuation, 'stray', OPEN), frame(text, ONE)], pieces),
      [1002],
    ),
  ),
  refused(
    '5.15',
    'a fragment after a message in two fragments',
    [frame(text, ONE, OPEN), frame(continuation, TWO), frame(continuation, THREE, OPEN), frame(text, FOUR)],
    WHOLE,
  ),
  refused('5.16', 'a fragment before a message in two', twice(OPEN)),
  refused('5.17', 'a last fragment before a message in two', twice({})),
  refused('5.18', 'a second fragment with the opcode of text', [frame(text, ONE, OPEN), frame(text, TWO)]),
  fiveFragments('5.19', 'whole'),
  fiveFragments('5.20', 'frames'),
  lives('10.1.1', 'takes a message of 65536 bytes in fragments of 1300', sent(fragments(text, LONG, 1300)), {
    relayed: [{ data: LONG, binary: false }],
  }),
];

function refused(id: string, what: string, frames: readonly Buffer[], expected?: Partial<Sight>): Case {
  return ends(id, `fails the connection at ${what}`, sent(frames), [1002], expected);
}

function twice(options: { readonly fin?: boolean }): readonly Buffer[] {
  const once = [frame(continuation, ONE, options), frame(text, TWO, OPEN), frame(continuation, THREE)];
  return [...once, ...once];
}

/** The client waits for the first pong in the middle of its message. */
function fiveFragments(id: string, pieces: (typeof PIECES)[number]): Case {
  const [first, second] = [Buffer.from('pongme 1!'), Buffer.from('pongme 2!')];
  const part = (payload: string): Buffer => frame(continuation, payload, OPEN);
  const steps = [
    ...sent([frame(text, ONE, OPEN), part(TWO), frame(ping, first)], pieces),
    { untilPongs: 1 },
    ...sent([part(THREE), part(FOUR), frame(ping, second), frame(continuation, FIVE)], pieces),
  ];
  return lives(id, `answers pings in the middle of a message in five fragments (${pieces})`, steps, {
    relayed: [{ data: Buffer.from(ONE + TWO + THREE + FOUR + FIVE), binary: false }],
    pongs: [first, second],
  });
}

function sent(frames: readonly Buffer[], pieces: (typeof PIECES)[number] = 'whole'): readonly Step[] {
  if (pieces === 'frames') return frames.map((bytes) => write(bytes));
  return [write(Buffer.concat(frames), pieces === 'bytes' ? 1 : undefined)];
}
