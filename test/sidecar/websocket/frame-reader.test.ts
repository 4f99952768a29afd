import fc from 'fast-check';
import * as ws from 'ws';
import type { Writable } from 'node:stream';
import { BUFFER_OVERHEAD_BYTES } from '../../../sidecar/lib/keepers';
import { FrameReader, NO_CODE, type FrameListener } from '../../../sidecar/websocket/frame-reader';

/** The parser of ws, which its types leave out: what it makes of the same bytes is expected. */
const { Receiver } = ws as unknown as { readonly Receiver: new (options: object) => Writable };

const LIMITS = { maxMessageBytes: 300, maxFragments: 4, maxPieces: 64 };
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa] as const;

interface SentFrame {
  readonly first: number;
  readonly masked: boolean;
  readonly payload: Buffer;
  readonly mask: Buffer;
  /** In more bytes than it needs. */
  readonly longer?: 'in 2' | 'in 8' | undefined;
}

function wireOf({ first, masked, payload, mask, longer }: SentFrame): Buffer {
  const maskBit = masked ? 0x80 : 0;
  const size = payload.length;
  const inTwo = longer === 'in 2' || (longer === undefined && size > 125);
  const head =
    longer === 'in 8'
      ? Buffer.of(first, maskBit | 127, 0, 0, 0, 0, 0, 0, size >> 8, size & 0xff)
      : inTwo
        ? Buffer.of(first, maskBit | 126, size >> 8, size & 0xff)
        : Buffer.of(first, maskBit | size);
  const body = masked ? payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)) : payload;
  return Buffer.concat([head, ...(masked ? [mask] : []), body]);
}

const MASK = Buffer.of(1, 2, 3, 4);

function frame(opcode: number, payload: string | Buffer = '', isLast = true): Buffer {
  const first = (isLast ? 0x80 : 0) | opcode;
  return wireOf({ first, masked: true, payload: Buffer.from(payload), mask: MASK });
}

/** The outcome of some bytes: what was told in order, and the fault at the end. */
type Outcome = readonly (string | number)[];

function told(outcome: (string | number)[]): FrameListener {
  return {
    received: (payload, binary) => outcome.push(`${binary ? 'binary' : 'text'} ${payload.toString('hex')}`),
    pinged: (payload) => outcome.push(`ping ${payload.toString('hex')}`),
    ponged: () => outcome.push('pong'),
    closeReceived: (code, reason) => outcome.push(`close ${code} ${reason.toString('hex')}`),
  };
}

/** The two count pieces differently: ours counts those of a header too. */
const ANY_PIECES = { ...LIMITS, maxPieces: 1000 };

function read(pieces: readonly Buffer[], limits = LIMITS): Outcome {
  const outcome: (string | number)[] = [];
  const reader = new FrameReader(limits, told(outcome));
  for (const piece of pieces) {
    // Payloads are unmasked where they are.
    const fault = reader.read(Buffer.from(piece));
    if (fault !== undefined) outcome.push(fault);
  }
  return outcome;
}

/** The same by ws. */
function readByWs(pieces: readonly Buffer[]): Outcome {
  const outcome: (string | number)[] = [];
  const { maxMessageBytes: maxPayload, maxFragments } = LIMITS;
  const receiver = new Receiver({ isServer: true, maxPayload, maxFragments });
  const listener = told(outcome);
  receiver.on('message', (payload: Buffer, binary: boolean) => {
    listener.received(payload, binary);
  });
  receiver.on('ping', (payload: Buffer) => {
    listener.pinged(payload);
  });
  receiver.on('pong', () => {
    listener.ponged();
  });
  receiver.on('conclude', (code: number, reason: Buffer) => {
    listener.closeReceived(code, reason);
  });
  const faults: unknown[] = [];
  for (const piece of pieces) {
    if (faults.length > 0) break;
    receiver._write(Buffer.from(piece), 'binary', (error?: Error | null) => {
      // ws has the code under a symbol of its own.
      const names = error ? Object.getOwnPropertySymbols(error) : [];
      for (const name of names) faults.push(Reflect.get(error ?? {}, name));
    });
  }
  return [...outcome, ...(faults as number[])];
}

const BYTES = fc.uint8Array({ maxLength: 160 }).map((bytes) => Buffer.from(bytes));
const PAYLOAD = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 40 }).map((text) => Buffer.from(text)) },
  { weight: 2, arbitrary: BYTES },
  // A close code, and a reason.
  fc
    .tuple(fc.oneof(fc.integer({ min: 990, max: 1020 }), fc.nat({ max: 6000 })), fc.string({ maxLength: 20 }))
    .map(([code, reason]) => Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)])),
);
const FIRST = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), fc.constantFrom(0x80, 0x80, 0))
      .map(([opcode, fin]) => opcode | fin),
  },
  fc.nat({ max: 255 }),
);
const FRAMES = fc.array(
  fc.record({
    first: FIRST,
    masked: fc.oneof({ weight: 15, arbitrary: fc.constant(true) }, fc.constant(false)),
    payload: PAYLOAD,
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    longer: fc.constantFrom(undefined, undefined, undefined, 'in 2' as const, 'in 8' as const),
  }),
  { maxLength: 12 },
);
const SIZES = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 });

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

describe('what a client sends', () => {
  it('comes out as from ws, whatever it is and in whatever pieces', () => {
    fc.assert(
      fc.property(FRAMES, SIZES, (frames, sizes) => {
        const wires = frames.map((sent) =>
          wireOf(sent.longer === undefined ? sent : { ...sent, payload: sent.payload.subarray(0, 125) }),
        );
        const pieces = cut(Buffer.concat(wires), sizes);
        expect(read(pieces, ANY_PIECES)).toEqual(readByWs(pieces));
      }),
      { numRuns: 3000 },
    );
  });

  it('comes out as from ws when it is noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), SIZES, (noise, sizes) => {
        const pieces = cut(Buffer.from(noise), sizes);
        expect(read(pieces, ANY_PIECES)).toEqual(readByWs(pieces));
      }),
      { numRuns: 2000 },
    );
  });

  it('is a text, a ping between its frames, and a close', () => {
    const bytes = Buffer.concat([
      frame(TEXT, 'Hel', false),
      frame(PING, '?'),
      frame(CONTINUATION, 'lo'),
      frame(CLOSE, Buffer.of(0x03, 0xe8)),
    ]);
    const hello = Buffer.from('Hello').toString('hex');
    expect(read([bytes])).toEqual(['ping 3f', `text ${hello}`, 'close 1000 ']);
  });

  it('is not read behind a close frame', () => {
    expect(read([Buffer.concat([frame(CLOSE), frame(TEXT, 'late')]), frame(TEXT, 'later')])).toEqual([
      `close ${NO_CODE} `,
    ]);
  });

  it('may be a message of the largest size in as many frames as may be, and no byte or frame more', () => {
    const part = 'x'.repeat(75);
    const parts = (last: string) => [
      frame(TEXT, part, false),
      frame(CONTINUATION, part, false),
      frame(CONTINUATION, part, false),
      frame(CONTINUATION, last),
    ];
    expect(read(parts(part))).toEqual([`text ${'78'.repeat(300)}`]);
    expect(read(parts(`${part}x`))).toEqual([1009]);
    const fifth = [...parts('').slice(0, 3), frame(CONTINUATION, '', false), frame(CONTINUATION, '')];
    expect(read(fifth)).toEqual([1008]);
  });

  it.each([
    ['a ping', PING, ''],
    ['a pong', PONG, ''],
    ['a close frame', CLOSE, '\x03\xe8'],
  ])('may be %s of 125 bytes, and no longer one', (_, opcode, code) => {
    const control = (bytes: number) => frame(opcode, Buffer.from(code.padEnd(bytes, 'x'), 'latin1'));
    expect(read([control(125)])).toEqual([expect.any(String)]);
    expect(read([control(126)])).toEqual([1002]);
  });

  it('may be a ping and a close frame while a message has the largest size', () => {
    const largest = frame(TEXT, 'x'.repeat(300), false);
    const close = frame(CLOSE, Buffer.of(0x03, 0xe8));
    expect(read([largest, frame(PING, '?'), close])).toEqual(['ping 3f', 'close 1000 ']);
  });

  it.each([
    [999, 1002],
    [1000, 'close 1000 '],
    [1003, 'close 1003 '],
    [1004, 1002],
    [1005, 1002],
    [1006, 1002],
    [1007, 'close 1007 '],
    [1014, 'close 1014 '],
    [1015, 1002],
    [2999, 1002],
    [3000, 'close 3000 '],
    [4999, 'close 4999 '],
    [5000, 1002],
  ])('is a close frame with the code %i, which comes to %p', (code, outcome) => {
    expect(read([frame(CLOSE, Buffer.of(code >> 8, code & 0xff))])).toEqual([outcome]);
  });

  it('leaves nothing behind between two messages, and does within one and after the end', () => {
    const reader = new FrameReader(LIMITS, told([]));
    const isIdleAfter = (...pieces: readonly Buffer[]): boolean => {
      for (const piece of pieces) reader.read(Buffer.from(piece));
      return reader.isIdle;
    };
    const whole = frame(TEXT, 'whole');
    expect(isIdleAfter(whole)).toBe(true);
    expect(isIdleAfter(whole.subarray(0, 3))).toBe(false);
    expect(isIdleAfter(whole.subarray(3))).toBe(true);
    expect(isIdleAfter(frame(TEXT, 'a', false))).toBe(false);
    expect(isIdleAfter(frame(CONTINUATION, 'b'), frame(PING))).toBe(true);
    expect(isIdleAfter(frame(CLOSE))).toBe(false);
  });

  it('is too large by its header alone', () => {
    const wire = frame(BINARY, Buffer.alloc(301));
    expect(read([wire.subarray(0, 4)])).toEqual([1009]);
    expect(read([Buffer.of(0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)])).toEqual([1009]);
    // 4 GiB, whose lower 32 bits are zero.
    expect(read([Buffer.of(0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0)])).toEqual([1009]);
  });

  it('may come byte by byte, and in no more pieces than may be', () => {
    const wire = frame(BINARY, Buffer.alloc(50));
    expect(read(cut(wire, [1]))).toEqual([`binary ${'00'.repeat(50)}`]);
    // The first two are one by the time that the header is known, and the last one is not kept.
    const least = wire.length - 1;
    expect(read(cut(wire, [1]), { ...LIMITS, maxPieces: least })).toHaveLength(1);
    expect(read(cut(wire, [1]), { ...LIMITS, maxPieces: least - 1 })).toEqual([1008]);
  });

  it('holds on to nothing of a large piece but the few bytes that it needs', () => {
    const large = Buffer.alloc(65_536);
    const wires = Buffer.concat([frame(TEXT, 'a', false), frame(CONTINUATION, 'b')]);
    large.set(wires.subarray(0, 9));
    const outcome: (string | number)[] = [];
    const reader = new FrameReader(LIMITS, told(outcome));
    reader.read(large.subarray(0, 9));
    // Overwritten, as a buffer that is used again would be.
    large.fill(0xff);
    reader.read(wires.subarray(9));
    expect(outcome).toEqual(['text 6162']);
  });
});

describe('what is kept of a message that is not whole', () => {
  it('counts each piece with the Buffer that it is in, and nothing once the message is whole', () => {
    const reader = new FrameReader(LIMITS, told([]));
    const bytes = frame(TEXT, 'x'.repeat(20));
    const sizes = Array.from(bytes, (byte) => {
      reader.read(Buffer.of(byte));
      return reader.keptBytes;
    });
    // The header is one piece once it is known.
    expect(sizes.at(-2)).toBeGreaterThan(20 * BUFFER_OVERHEAD_BYTES);
    expect(sizes.at(-1)).toBe(0);
  });

  it('counts the frames of one that come one after the other, and nothing after a fault', () => {
    const reader = new FrameReader(LIMITS, told([]));
    reader.read(Buffer.concat([frame(TEXT, 'abc', false), frame(CONTINUATION, 'de', false)]));
    expect(reader.keptBytes).toBe(5 + 2 * BUFFER_OVERHEAD_BYTES);
    reader.read(Buffer.of(0xff, 0xff));
    expect(reader.keptBytes).toBe(0);
  });
});
