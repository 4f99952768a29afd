import fc from 'fast-check';
import { EventReader } from '../../../bench/load/event-reader';

/** The texts of the events that come in these pieces. */
function textsOf(pieces: readonly Buffer[]): string[] {
  const texts: string[] = [];
  const reader = new EventReader((_opcode, buffer, start, end) => {
    texts.push(buffer.toString('utf8', start, end));
  });
  for (const piece of pieces) {
    // The load's clients read into one buffer, which the next piece overwrites.
    const lent = Buffer.from(piece);
    reader.push(lent);
    lent.fill(0);
  }
  return texts;
}

/** A body in chunks of HTTP/1.1 (RFC 9112 §7.1). */
function chunked(parts: readonly string[]): Buffer {
  return Buffer.from(parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join(''));
}

describe('the reader of event streams', () => {
  it('reads the data of events, and nothing else of them', () => {
    const stream = chunked([': comment\n\n', 'id: e.1\ndata: {"n":1}\n\n', 'event: gap\ndata: {"n":2}\n\n']);
    expect(textsOf([stream])).toEqual(['{"n":1}', '{"n":2}']);
  });

  it('reads them however the stream is cut into chunks, and those into pieces', () => {
    const texts = fc.array(
      fc.string({ unit: 'grapheme' }).filter((text) => !/[\n\r]/.test(text)),
      { minLength: 1, maxLength: 5 },
    );
    const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, cuts, cuts, (wanted, chunkCuts, pieceCuts) => {
        const events = Buffer.from(wanted.map((text) => `id: 1\ndata: ${text}\n\n`).join(''));
        const chunks = cut(events, chunkCuts).map((part) =>
          Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
        );
        expect(textsOf(cut(Buffer.concat(chunks), pieceCuts))).toEqual(wanted);
      }),
    );
  });
});

/** The bytes in pieces of these sizes, and what is left. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...pieces, bytes.subarray(at)].filter(({ length }) => length > 0);
}
