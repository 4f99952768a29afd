import fc from 'fast-check';
import { maskedFrame, OPCODE_BINARY, OPCODE_CONTINUATION } from '../../../../bench/neighbour/masked-frame';

const [TEXT, CLOSE, PING, PONG] = [0x1, 0x8, 0x9, 0xa] as const;

/** Texts that make the server do something. */
export const ORDERS = ['!pause', '!ping', '!close', '!terminate', '!leave'] as const;
export type Order = (typeof ORDERS)[number];

/** How a client ends its TCP connection: with a FIN beside its last bytes, or some turns later; or without reading on. */
export const ENDINGS = ['fin', 'late fin', 'cut', 'reset'] as const;

/** All that one client does. */
export interface Course {
  readonly bytes: Buffer;
  /** The sizes of the pieces that it sends them in, again and again. */
  readonly sizes: readonly number[];
  /** So many of them go with the upgrade. */
  readonly early: number;
  /** Turns of the loop until the server answers the upgrade. */
  readonly lateness: number;
  readonly ending: (typeof ENDINGS)[number];
}

interface Fragment {
  readonly payload: Buffer;
  /** A control frame before it. */
  readonly before: Buffer | undefined;
}

const TEXTS = fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => Buffer.from(text));
const BYTES = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
const LARGE = fc.nat({ max: 90_000 }).map((size) => Buffer.alloc(size, 'x'));
const PAYLOADS = fc.oneof(
  { weight: 8, arbitrary: TEXTS },
  { weight: 3, arbitrary: BYTES },
  { weight: 1, arbitrary: LARGE },
);

const CONTROL = fc
  .tuple(fc.constantFrom(PING, PONG), fc.uint8Array({ maxLength: 125 }))
  .map(([opcode, payload]) => maskedFrame(opcode, Buffer.from(payload)));

const CLOSES = fc
  .tuple(fc.oneof(fc.constantFrom(1000, 1001, 3000, 4999), fc.integer({ min: 990, max: 5010 })), PAYLOADS)
  .map(([code, reason]) => Buffer.concat([Buffer.of(code >> 8, code & 0xff), reason.subarray(0, 123)]));
const CLOSE_FRAME = fc
  .oneof(CLOSES, fc.constant(Buffer.alloc(0)))
  .map((payload) => maskedFrame(CLOSE, payload));

/** A message in frames, each of which may have a control frame before it. */
const MESSAGE = fc
  .tuple(
    fc.constantFrom(TEXT, OPCODE_BINARY),
    fc.array(
      fc.record<Fragment>({ payload: PAYLOADS, before: fc.option(CONTROL, { nil: undefined, freq: 3 }) }),
      { minLength: 1, maxLength: 7 },
    ),
  )
  .map(([opcode, fragments]) =>
    Buffer.concat(
      fragments.flatMap(({ payload, before }, index) => [
        ...(before === undefined ? [] : [before]),
        maskedFrame(index === 0 ? opcode : OPCODE_CONTINUATION, payload, {
          fin: index === fragments.length - 1,
        }),
      ]),
    ),
  );
const MESSAGE_OF_ONE = fc
  .tuple(fc.constantFrom(TEXT, OPCODE_BINARY), PAYLOADS)
  .map(([opcode, payload]) => maskedFrame(opcode, payload));
const ORDER = fc.constantFrom(...ORDERS).map((order) => maskedFrame(TEXT, Buffer.from(order)));
/** Many small messages: more than is read at a stretch. */
const FLOOD = fc
  .integer({ min: 100, max: 4000 })
  .map((count) => Buffer.concat(Array.from({ length: count }, () => maskedFrame(PONG, Buffer.alloc(0)))));
/** A frame of any opcode, with any first byte. */
const ODD_FRAME = fc.tuple(fc.nat({ max: 255 }), TEXTS).map(([first, payload]) => {
  const wire = maskedFrame(TEXT, payload);
  wire[0] = first;
  return wire;
});
const NOISE = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes));

const PART = fc.oneof(
  { weight: 12, arbitrary: MESSAGE_OF_ONE },
  { weight: 8, arbitrary: MESSAGE },
  { weight: 8, arbitrary: CONTROL },
  { weight: 4, arbitrary: ORDER },
  { weight: 1, arbitrary: FLOOD },
  { weight: 1, arbitrary: CLOSE_FRAME },
  { weight: 1, arbitrary: ODD_FRAME },
  { weight: 1, arbitrary: NOISE },
);

const PIECES = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
  fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 6 }),
);

export const COURSE: fc.Arbitrary<Course> = fc
  .record({
    parts: fc.array(PART, { maxLength: 14 }),
    isClosed: fc.boolean(),
    close: CLOSE_FRAME,
    missing: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 40 })),
    sizes: PIECES,
    early: fc.oneof(fc.constant(0), fc.nat({ max: 300 }), fc.nat({ max: 30_000 })),
    lateness: fc.nat({ max: 3 }),
    ending: fc.constantFrom(...ENDINGS, 'fin' as const, 'late fin' as const),
  })
  .map(({ parts, isClosed, close, missing, sizes, ...rest }) => {
    const all = Buffer.concat(isClosed ? [...parts, close] : parts);
    const bytes = all.subarray(0, Math.max(0, all.length - missing));
    // Not more than some hundred pieces: each takes a turn of the loop.
    const leastBytes = Math.ceil(bytes.length / 200);
    const atLeast = sizes.map((size) => Math.max(size, leastBytes));
    // The seed that is told with it brings the bytes back, which would fill the screen.
    return {
      ...rest,
      bytes,
      sizes: atLeast,
      [fc.toStringMethod]: () => `${bytes.length} bytes, ${rest.ending}`,
    };
  });
