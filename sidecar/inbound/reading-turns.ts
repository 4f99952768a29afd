import type { WebSocket } from 'ws';
import type { LoopShares } from '../lib/loop-shares';

/** So many bytes of small frames are parsed at a stretch. */
export const PIECE_BYTES = 4_096;

/** Whose bytes are parsed. */
export interface BytesReader {
  /** Shares the loop's time among tenants. */
  readonly shares: LoopShares;
  readonly tenantId: string;
  /** How many bytes of the frame that is being read are still to come. */
  readonly frameBytesLeft: number;
  /** Told of bytes before they are parsed. */
  read(bytes: Buffer): void;
}

type Done = (error?: Error | null) => void;
type Write = (this: Parser, chunk: Buffer, encoding: BufferEncoding, done: Done) => void;

/** The parser of ws, a Writable. */
interface Parser {
  _write: Write;
  /** As ws wrote it. */
  parse: Write;
  reader: BytesReader;
}

/**
 * Parses what a client sends when its tenant has a share of the loop's time, in pieces. A client that fills the kernel's
 * buffers with small frames, on many sockets, would hold everybody up otherwise. The parser's own buffer fills while it
 * waits, so that ws does not read on.
 */
export function readInTurns(socket: WebSocket, reader: BytesReader): void {
  const { _receiver: parser } = socket as unknown as { readonly _receiver: Parser };
  parser.reader = reader;
  parser.parse = parser._write;
  parser._write = writeInTurns;
}

function writeInTurns(this: Parser, chunk: Buffer, encoding: BufferEncoding, done: Done): void {
  const { shares, tenantId, frameBytesLeft } = this.reader;
  if (chunk.length > Math.max(PIECE_BYTES, frameBytesLeft)) {
    shares.run(tenantId, pieces(this, chunk, encoding, done));
    return;
  }
  shares.once(tenantId, () => {
    this.reader.read(chunk);
    this.parse(chunk, encoding, done);
  });
}

function* pieces(parser: Parser, chunk: Buffer, encoding: BufferEncoding, done: Done): Iterator<void> {
  let fault: Error | null | undefined;
  for (let at = 0; at < chunk.length && !fault;) {
    // The bytes within a large frame cost next to nothing before its end.
    const end = at + Math.max(PIECE_BYTES, parser.reader.frameBytesLeft);
    const piece = chunk.subarray(at, end);
    parser.reader.read(piece);
    parser.parse(piece, encoding, (error) => (fault = error));
    at = end;
    yield;
  }
  done(fault);
}
