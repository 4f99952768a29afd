import { ends, lives, write, type Case, type Step } from '../case';
import { fragments, frame, OPCODE } from '../frames';
import { KOSME, UTF8_GROUPS, type Utf8Text } from './utf8-sequences';

const { continuation, text, ping } = OPCODE;
const OPEN = { fin: false };
const EMPTY = Buffer.alloc(0);
const MIDDLE = Buffer.from('middle frame payload');
const UMLAUTS = Buffer.from('Hello-µ@ßöäüàá-UTF-8!!');
const HALF = Buffer.from('Hello-µ@ßöä').length;
const EDITED = Buffer.from('edited').toString('hex');
const SURROGATE = Buffer.from(`${KOSME}eda080${EDITED}`, 'hex');
/** Beyond U+10FFFF, which its second byte shows. */
const BEYOND = Buffer.from(`${KOSME}f4908080${EDITED}`, 'hex');
const KOSME_BYTES = KOSME.length / 2;

/** Group 6: text is UTF-8. */
export const UTF8: readonly Case[] = [
  takes('6.1.1', 'an empty message', [frame(text)], EMPTY),
  takes(
    '6.1.2',
    'an empty message in three fragments',
    [frame(text, '', OPEN), frame(continuation, '', OPEN), frame(continuation)],
    EMPTY,
  ),
  takes(
    '6.1.3',
    'a message in three fragments of which two are empty',
    [frame(text, '', OPEN), frame(continuation, MIDDLE, OPEN), frame(continuation)],
    MIDDLE,
  ),
  takes('6.2.1', 'umlauts', [frame(text, UMLAUTS)], UMLAUTS),
  takes(
    '6.2.2',
    'umlauts in two fragments',
    [frame(text, UMLAUTS.subarray(0, HALF), OPEN), frame(continuation, UMLAUTS.subarray(HALF))],
    UMLAUTS,
  ),
  takes('6.2.3', 'umlauts in fragments of one byte', fragments(text, UMLAUTS, 1), UMLAUTS),
  takes(
    '6.2.4',
    'Greek in fragments of one byte',
    fragments(text, Buffer.from(KOSME, 'hex'), 1),
    Buffer.from(KOSME, 'hex'),
  ),
  ends('6.3.1', 'fails the connection at a surrogate', [write(frame(text, SURROGATE))], [1007]),
  ends(
    '6.3.2',
    'fails the connection at a surrogate in fragments of one byte',
    [write(Buffer.concat(fragments(text, SURROGATE, 1)))],
    [1007],
  ),
  inFragments('6.4.1', KOSME_BYTES, KOSME_BYTES + 4),
  inFragments('6.4.2', KOSME_BYTES + 1, KOSME_BYTES + 2),
  inPieces('6.4.3', KOSME_BYTES, KOSME_BYTES + 4),
  inPieces('6.4.4', KOSME_BYTES + 1, KOSME_BYTES + 2),
  ...UTF8_GROUPS.flatMap(({ heading, texts }, group) =>
    texts.map((item, index) => judged(`6.${group + 5}.${index + 1}`, heading, item)),
  ),
];

function takes(id: string, what: string, frames: readonly Buffer[], data: Buffer): Case {
  const relayed = [{ data, binary: false }];
  return lives(id, `takes ${what}`, [write(Buffer.concat(frames))], { relayed });
}

function judged(id: string, heading: string, { hex, isValid }: Utf8Text): Case {
  const data = Buffer.from(hex, 'hex');
  const what = `${heading}: ${hex}`;
  if (isValid) return takes(id, what, [frame(text, data)], data);
  return ends(id, `fails the connection at ${what}`, [write(frame(text, data))], [1007]);
}

/** Text that is spoilt in its second fragment: a strict reader fails there, and not at the last. */
function inFragments(id: string, first: number, second: number): Case {
  const steps: readonly Step[] = [
    write(frame(text, BEYOND.subarray(0, first), OPEN)),
    write(frame(ping, 'A')),
    { untilPongs: 1 },
    write(frame(continuation, BEYOND.subarray(first, second), OPEN)),
    write(frame(ping, 'B')),
    { untilPongs: 2 },
    write(frame(continuation, BEYOND.subarray(second))),
  ];
  const [a, b] = [Buffer.from('A'), Buffer.from('B')];
  return spoilt(id, `a fragment of bytes ${first} to ${second - 1}`, steps, [a], [a, b], 0);
}

/** The same in one frame, whose bytes come in three pieces. */
function inPieces(id: string, first: number, second: number): Case {
  const whole = frame(text, BEYOND);
  const begin = whole.length - BEYOND.length;
  const steps: readonly Step[] = [
    write(whole.subarray(0, begin + first)),
    { stillOpen: true },
    write(whole.subarray(begin + first, begin + second)),
    { stillOpen: true },
    write(whole.subarray(begin + second)),
  ];
  return spoilt(id, `a piece of bytes ${first} to ${second - 1}`, steps, [], [], 1);
}

function spoilt(
  id: string,
  where: string,
  steps: readonly Step[],
  pongs: readonly Buffer[],
  laterPongs: readonly Buffer[],
  stillOpen: number,
): Case {
  const nonStrict = { relayed: [], pongs: laterPongs, stillOpen: 2 * stillOpen };
  const options = { nonStrict, verdict: 'NON-STRICT' } as const;
  return ends(id, `fails the connection at ${where}`, steps, [1007], { pongs, stillOpen }, options);
}
