import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ClientSocket, SocketOwner, SocketWriter } from '../fanout/client-socket';
import { BUFFER_OVERHEAD_BYTES } from '../lib/keepers';
import type { LoopShares } from '../lib/loop-shares';
import { Backlog } from './backlog';
import { closeFrame, PING_FRAME, pongFrame } from './control-frames';
import { FrameReader, type FrameLimits, type FrameListener } from './frame-reader';

/** So many bytes of small frames are read at a stretch. */
export const PIECE_BYTES = 4096;
/** So many bytes may wait to be read; then the client is not read from. */
const MAX_WAITING_BYTES = 16_384;
/** A client has so long for its part once either side began to end the connection, in milliseconds: then it is cut. */
const END_TIMEOUT_MS = 30_000;
/** So many bytes are thrown away of a client that goes on behind its close frame or its fault; then it is not read from. */
const MAX_DISCARDED_BYTES = 1_048_576;
/** It has so long to read why it is closed then, in milliseconds. */
const FLOOD_END_TIMEOUT_MS = 5000;

/** RFC 6455 §7.1.5: the connection ended without a close frame. */
const ABNORMAL = 1006;

/** As of a WebSocket of a browser. */
const [OPEN, CLOSING, CLOSED] = [1, 2, 3] as const;

/** Whose bytes are read. */
export interface BytesReader {
  /** Shares the loop's time among tenants. */
  readonly shares: LoopShares;
  readonly tenantId: string;
  /** The clock of durations, in milliseconds. */
  readonly nowMs: number;
  /** How many bytes of the frame that is being read are still to come. */
  readonly frameBytesLeft: number;
  /** Told of bytes before they are read. */
  read(bytes: Buffer): void;
  /** Told how much memory is taken by a message that is not whole, and by what waits to be read where that is much, in bytes. */
  keeps(bytes: number): void;
}

/** Bytes that came, until they are read. */
interface Arrival {
  bytes: Buffer;
  /** Whether they are read, or dropped. */
  isOver: boolean;
}

const NO_BYTES = Buffer.alloc(0);

/** The socket on a stream, for listeners that all streams share: one of its own would cost each socket as much as all its fields. */
const SOCKET = Symbol('socket');
type Stream = Duplex & { [SOCKET]?: BridgeSocket };

/**
 * The server's end of a WebSocket (RFC 6455). It reads frames and writes those of pings, pongs and closing, each whole and in one
 * write. Whole data frames are written to the same stream beside it.
 *
 * It reads a client when its tenant has a share of the loop's time, in pieces. A client that fills the kernel's buffers with
 * small frames, on many sockets, would hold everybody up otherwise. While much waits for that, the client is not read from.
 */
export class BridgeSocket implements ClientSocket, FrameListener {
  readonly transport = 'websocket';
  owner: SocketOwner | undefined;
  writer: SocketWriter | undefined;
  /** Without one, what a client sends is read at once. */
  reader: BytesReader | undefined;
  readonly #stream: Stream;
  readonly #limits: FrameLimits;
  /** Made when something comes, and let go between two messages: nearly all sockets wait. */
  #frames: FrameReader | undefined;
  #readyState: 1 | 2 | 3 = OPEN;
  #isPaused = false;
  /** The memory of what waits to be read, about. */
  #waitingBytes = 0;
  /** Made when something has to wait. */
  #waiting: Set<Arrival> | undefined;
  /** Made when the client is not read, or not at once. */
  #backlog: Backlog | undefined;
  #discardedBytes = 0;
  /** The client's, or {@link ABNORMAL}. */
  #closeCode = ABNORMAL;
  #isClosedByClient = false;
  #isFaulty = false;
  #hasSentClose = false;
  /** The stream is closed. */
  #isCut = false;
  /** The bridge cut it. */
  #isDropped = false;
  #endTimer: NodeJS.Timeout | undefined;

  /** @param stream on which the handshake is over */
  constructor(stream: Duplex, limits: FrameLimits) {
    this.#stream = stream;
    this.#limits = limits;
    this.#stream[SOCKET] = this;
    stream.on('error', onError);
    stream.on('close', onClose);
    stream.on('end', onEnd);
    stream.on('data', onData);
  }

  get readyState(): 1 | 2 | 3 {
    return this.#readyState;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isUnread(): boolean {
    return this.#isPaused || this.#waitingBytes > 0;
  }

  get unreadFromMs(): number | undefined {
    return this.reader === undefined ? undefined : this.#backlog?.fromMs(this.reader.nowMs);
  }

  ping(): void {
    if (this.#readyState === OPEN) this.#stream.write(PING_FRAME);
  }

  /** @param onWritten called once the kernel has it, or never will */
  pong(payload: Buffer, onWritten: () => void): void {
    if (this.#readyState === OPEN) this.#stream.write(pongFrame(payload), onWritten);
    else process.nextTick(onWritten);
  }

  pause(): void {
    if (this.#readyState === CLOSED) return;
    this.#isPaused = true;
    this.#fallBehind();
    this.#stream.pause();
  }

  resume(): void {
    if (this.#readyState === CLOSED) return;
    this.#isPaused = false;
    this.#catchUp();
    if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#stream.resume();
  }

  close(code: number, reason: string | Buffer): void {
    if (this.#readyState !== OPEN) return;
    this.writer?.beforeClose();
    this.#readyState = CLOSING;
    this.#stream.write(closeFrame(code, reason), (error) => {
      if (error) return;
      this.#hasSentClose = true;
      this.#endAfterBoth();
    });
    this.#cutLater();
  }

  terminate(): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSING;
    this.#drop();
    this.#stream.destroy();
  }

  /**
   * Cuts the connection with a reset (RFC 9293 §3.10.7). A client that reads nothing would not notice an orderly end.
   * The bytes that it left in the kernel would stay there for minutes.
   */
  reset(): void {
    this.#drop();
    const stream = this.#stream as Partial<Socket>;
    if (stream.resetAndDestroy === undefined) this.#stream.destroy();
    else stream.resetAndDestroy();
  }

  received(payload: Buffer, binary: boolean): void {
    this.owner?.received(payload, binary);
  }

  pinged(payload: Buffer): void {
    this.owner?.pinged(payload);
  }

  ponged(): void {
    this.owner?.ponged();
  }

  /** RFC 6455 §5.5.1: it is answered with the same. */
  closeReceived(code: number, reason: Buffer): void {
    this.#closeCode = code;
    this.#isClosedByClient = true;
    this.#readNoMore();
    this.close(code, reason);
    this.#endAfterBoth();
  }

  /** The stream has bytes. */
  take(bytes: Buffer): void {
    if (this.#isOver) {
      this.#discard(bytes.length);
      return;
    }
    const { reader } = this;
    if (reader === undefined) {
      this.#read(bytes);
      return;
    }
    const { shares, tenantId } = reader;
    // While others wait, it is not known where in a frame these begin.
    const frameBytesLeft = this.#waitingBytes > 0 ? 0 : reader.frameBytesLeft;
    const arrival = { bytes, isOver: false };
    this.#waitingBytes += memoryOf(bytes);
    if (bytes.length > Math.max(PIECE_BYTES, frameBytesLeft))
      shares.run(tenantId, this.#inPieces(arrival, reader));
    else {
      shares.once(tenantId, () => {
        this.#readFor(reader, arrival.bytes);
        this.#taken(arrival);
      });
    }
    if (!arrival.isOver) this.#wait(arrival);
  }

  /** The client sends no more. */
  ended(): void {
    this.#readyState = CLOSING;
    this.#stream.end();
    // It may take nothing of what is still on its way.
    this.#cutLater();
  }

  /** The stream is closed, and gives nothing any more. */
  cut(): void {
    this.#readyState = CLOSING;
    this.#isCut = true;
    this.#stream.off('data', onData);
    clearTimeout(this.#endTimer);
    // Bytes came before the end, of a client that was not read from.
    const { readableLength } = this.#stream;
    const rest = readableLength > 0 ? (this.#stream.read(readableLength) as Buffer | null) : null;
    if (rest !== null) this.take(rest);
    this.#closedWhenRead();
  }

  /** It failed. */
  failed(): void {
    this.#readyState = CLOSING;
    this.#stream.destroy();
  }

  *#inPieces(arrival: Arrival, reader: BytesReader): Generator<undefined, undefined> {
    for (let at = 0; at < arrival.bytes.length && !this.#isOver;) {
      // The bytes within a large frame cost next to nothing before its end.
      const end = at + Math.max(PIECE_BYTES, reader.frameBytesLeft);
      this.#readFor(reader, arrival.bytes.subarray(at, end));
      at = end;
      yield;
    }
    this.#taken(arrival);
  }

  /** Whether nothing is read any more. */
  get #isOver(): boolean {
    return this.#isClosedByClient || this.#isFaulty || this.#isDropped;
  }

  #wait(arrival: Arrival): void {
    (this.#waiting ??= new Set()).add(arrival);
    this.#fallBehind();
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#stream.pause();
    if (this.#waitingBytes > PIECE_BYTES) this.#tellKept();
  }

  #fallBehind(): void {
    if (this.reader !== undefined) (this.#backlog ??= new Backlog()).begins(this.reader.nowMs);
  }

  #catchUp(): void {
    if (this.reader !== undefined && !this.isUnread) this.#backlog?.ends(this.reader.nowMs);
  }

  /** Nobody is told of what waits: it is not kept until its tenant's turn. */
  #drop(): void {
    this.#isDropped = true;
    for (const arrival of this.#waiting ?? []) {
      arrival.bytes = NO_BYTES;
      arrival.isOver = true;
    }
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    // Its client may have hung up before, so that its end waited for this alone.
    if (this.#isCut) this.#closedWhenRead();
  }

  #readFor(reader: BytesReader, bytes: Buffer): void {
    if (this.#isOver) return;
    reader.read(bytes);
    this.#read(bytes);
  }

  #read(bytes: Buffer): void {
    const frames = (this.#frames ??= new FrameReader(this.#limits, this));
    const fault = frames.read(bytes);
    if (frames.isIdle) this.#frames = undefined;
    this.#tellKept();
    if (fault === undefined) return;
    this.#isFaulty = true;
    this.#readNoMore();
    this.close(fault, '');
    this.owner?.faulted?.(fault);
    this.#endAfterBoth();
  }

  /** Little that waits costs no count of its own. */
  #tellKept(): void {
    const waitingBytes = this.#waitingBytes > PIECE_BYTES ? this.#waitingBytes : 0;
    this.reader?.keeps((this.#frames?.keptBytes ?? 0) + waitingBytes);
  }

  #taken(arrival: Arrival): void {
    // It was dropped meanwhile.
    if (arrival.isOver) return;
    arrival.isOver = true;
    this.#waiting?.delete(arrival);
    const wasMuch = this.#waitingBytes > MAX_WAITING_BYTES;
    const wasTold = this.#waitingBytes > PIECE_BYTES;
    this.#waitingBytes = Math.max(0, this.#waitingBytes - memoryOf(arrival.bytes));
    if (wasTold) this.#tellKept();
    this.#catchUp();
    if (this.#isCut) this.#closedWhenRead();
    else if (wasMuch && this.#waitingBytes <= MAX_WAITING_BYTES && !this.#isPaused) this.#stream.resume();
  }

  /** Throws away what still comes, so that it notices the end. */
  #readNoMore(): void {
    process.nextTick(() => {
      this.#stream.resume();
    });
  }

  #discard(bytes: number): void {
    const wasMuch = this.#discardedBytes > MAX_DISCARDED_BYTES;
    this.#discardedBytes += bytes;
    if (this.#discardedBytes <= MAX_DISCARDED_BYTES) return;
    this.#stream.pause();
    // Its end is not noticed any more.
    if (!wasMuch) this.#cutLater(FLOOD_END_TIMEOUT_MS);
  }

  /** Cuts the connection after so long: the first call counts, or one that makes it sooner. */
  #cutLater(timeoutMs = END_TIMEOUT_MS): void {
    if (this.#isCut || (this.#endTimer !== undefined && timeoutMs === END_TIMEOUT_MS)) return;
    clearTimeout(this.#endTimer);
    this.#endTimer = setTimeout(() => {
      this.#stream.destroy();
    }, timeoutMs);
  }

  /** RFC 6455 §7.1.1: the server ends the TCP connection first. */
  #endAfterBoth(): void {
    if (this.#hasSentClose && this.#isOver) this.#stream.end();
  }

  /** Messages that came before the end are told of first. */
  #closedWhenRead(): void {
    if (this.#waitingBytes > 0 || this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.owner?.closed(this.#closeCode);
  }
}

/** That of bytes that wait. */
function memoryOf(bytes: Buffer): number {
  return bytes.length + BUFFER_OVERHEAD_BYTES;
}

function onData(this: Stream, bytes: Buffer): void {
  this[SOCKET]?.take(bytes);
}

function onEnd(this: Stream): void {
  this[SOCKET]?.ended();
}

function onClose(this: Stream): void {
  this[SOCKET]?.cut();
}

function onError(this: Stream): void {
  this[SOCKET]?.failed();
}
