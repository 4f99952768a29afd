import fc from 'fast-check';
import {
  clientFrame,
  FrameReader,
  OPCODE_PING,
  OPCODE_PONG,
  OPCODE_TEXT,
} from '../../../bench/load/frame-reader';

/** RFC 6455 §5.7 and §5.2: frames of a server as the specification spells them. */
const HELLO = Buffer.from([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);

function read(chunks: readonly Buffer[]): string[] {
  const frames: string[] = [];
  const reader = new FrameReader((opcode, buffer, start, end) => {
    frames.push(`${opcode}:${buffer.toString('latin1', start, end)}`);
  });
  for (const chunk of chunks) {
    // As in the load, the chunk is lent: what it held is gone after the call.
    const lent = Buffer.from(chunk);
    reader.push(lent);
    lent.fill(0);
  }
  return frames;
}

function serverFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const extended = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  if (extended.length === 8) extended.writeBigUInt64BE(BigInt(length));
  const short = length < 126 ? length : length < 65_536 ? 126 : 127;
  return Buffer.concat([Buffer.of(0x80 | opcode, short), extended, payload]);
}

test("the specification's unmasked text frame is read", () => {
  expect(read([HELLO])).toEqual([`${OPCODE_TEXT}:Hello`]);
});

test('all three forms of the length are read', () => {
  for (const length of [0, 125, 126, 65_535, 65_536]) {
    const payload = Buffer.alloc(length, 'x');
    expect(read([serverFrame(OPCODE_TEXT, payload)])).toEqual([`${OPCODE_TEXT}:${payload.toString()}`]);
  }
});

test('frames are the same however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 30 }),
      (lengths, cuts) => {
        const payloads = lengths.map((length, index) => Buffer.alloc(length, 0x61 + index));
        const stream = Buffer.concat(payloads.map((payload) => serverFrame(OPCODE_PING, payload)));
        const chunks: Buffer[] = [];
        let start = 0;
        for (const cut of cuts) {
          chunks.push(stream.subarray(start, start + cut));
          start += cut;
        }
        chunks.push(stream.subarray(start));
        expect(read(chunks)).toEqual(payloads.map((payload) => `${OPCODE_PING}:${payload.toString()}`));
      },
    ),
  );
});

test("a client's frame is marked as masked, with a key that changes nothing", () => {
  expect(clientFrame(OPCODE_PONG, Buffer.from('hi'))).toEqual(
    Buffer.from([0x8a, 0x82, 0, 0, 0, 0, 0x68, 0x69]),
  );
});
