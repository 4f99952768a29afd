import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createDecoder, hasContent, readVarUint, readVarUint8Array } from 'lib0/decoding';
import { createEncoder, toUint8Array, writeVarUint, writeVarUint8Array } from 'lib0/encoding';
import { writeSyncStep1, writeSyncStep2, writeUpdate } from 'y-protocols/sync';
import { decodeStateVector, Doc, encodeStateAsUpdate } from 'yjs';
import { isSyncStep1 } from '../../../sidecar/inbound/sync-step';

/** A message of y-websocket's, of the kind that synchronises. */
function message(write: (encoder: ReturnType<typeof createEncoder>) => void): Buffer {
  const encoder = createEncoder();
  writeVarUint(encoder, 0);
  write(encoder);
  return Buffer.from(toUint8Array(encoder));
}

function documentOf(writers: number): Doc {
  const doc = new Doc();
  for (let n = 0; n < writers; n += 1) {
    doc.clientID = 2 ** 31 + n * 1000;
    doc.getText('body').insert(0, `text of ${n} `);
  }
  return doc;
}

const question = (writers: number) =>
  message((encoder) => {
    writeSyncStep1(encoder, documentOf(writers));
  });

/** Judges with y-protocols' own parser: read whole, and asked for again. */
function asksByLib0(bytes: Buffer): boolean {
  try {
    const decoder = createDecoder(bytes);
    if (readVarUint(decoder) !== 0 || readVarUint(decoder) !== 0) return false;
    decodeStateVector(readVarUint8Array(decoder));
    return !hasContent(decoder);
  } catch {
    return false;
  }
}

describe("y-protocols' sync step 1", () => {
  it.each([0, 1, 2, 100, 300])('is known, of a document that %i clients wrote', (writers) => {
    expect(isSyncStep1(question(writers))).toBe(true);
  });

  it('is neither a step 2, nor an update, nor awareness', () => {
    const doc = documentOf(2);
    expect(
      isSyncStep1(
        message((encoder) => {
          writeSyncStep2(encoder, doc);
        }),
      ),
    ).toBe(false);
    expect(
      isSyncStep1(
        message((encoder) => {
          writeUpdate(encoder, encodeStateAsUpdate(doc));
        }),
      ),
    ).toBe(false);
    expect(isSyncStep1(Buffer.of(1, 3, 1, 2, 3))).toBe(false);
  });

  it('ends where it ends: nothing may stand behind it, and nothing may be missing', () => {
    const whole = question(3);
    for (let length = 0; length < whole.length; length += 1)
      expect(isSyncStep1(whole.subarray(0, length))).toBe(false);
    expect(isSyncStep1(Buffer.concat([whole, Buffer.of(0)]))).toBe(false);
    expect(isSyncStep1(Buffer.concat([whole, whole]))).toBe(false);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a zero', Buffer.of(0)],
    ['zeros alone', Buffer.of(0, 0, 0)],
    [
      'a state vector behind its end',
      message((encoder) => {
        writeVarUint8Array(encoder, Buffer.of(0, 0));
      }),
    ],
    ['more clients than there are', Buffer.of(0, 0, 1, 5)],
    ['a length that a parser takes for none', Buffer.of(0, 0, ...Array<number>(9).fill(0xff), 1)],
    ['its zeros spelt in two bytes', Buffer.of(0x80, 0, 0, 1, 0)],
    ['text', Buffer.from('{"type":"x"}')],
  ])('is not %s', (_, bytes) => {
    expect(isSyncStep1(bytes)).toBe(false);
  });

  it("is nothing that y-protocols' own parser reads otherwise, whatever the bytes", () => {
    const near = fc
      .tuple(fc.nat(20), fc.uint8Array({ maxLength: 12 }), fc.boolean())
      .map(([at, bytes, isCut]) => {
        const base = question(at % 4);
        const spot = Math.min(at, base.length);
        return Buffer.concat([base.subarray(0, spot), bytes, isCut ? Buffer.alloc(0) : base.subarray(spot)]);
      });
    const zeros = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.concat([Buffer.of(0, 0), bytes]));
    fc.assert(
      fc.property(fc.oneof(near, zeros), (bytes) => {
        if (isSyncStep1(bytes)) expect(asksByLib0(bytes)).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });
});
