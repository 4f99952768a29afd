import type { Timer, TimerWheel } from '../lib/timer-wheel';

const FIN = 0x80;
const OPCODE = 0x0f;
const CONTINUATION = 0x0;
/** Opcodes from here on are those of control frames, which may come between the frames of a message. */
const FIRST_CONTROL_OPCODE = 0x8;
const MASKED = 0x80;
const MASK_BYTES = 4;

/**
 * Where a client is in what it sends, told by the headers of its frames alone (RFC 6455 §5.2). It judges nothing:
 * FrameReader finds malformed frames.
 */
export class MessageProgress {
  #finished = 0;
  #first = 0;
  #headerBytes = 0;
  #lengthBytesLeft = 0;
  #length = 0;
  #masked = false;
  /** The bytes of the mask and the payload that are still to come. */
  #bytesLeft = 0;
  #isFragmented = false;
  #continuations = 0;

  /** How many frames came that go on with a message. */
  get continuations(): number {
    return this.#continuations;
  }

  /** How many bytes of the frame that is being read are still to come, once its length is known. */
  get frameBytesLeft(): number {
    return this.#bytesLeft;
  }

  /** How many messages came whole. Control frames count, except within a message. */
  get finished(): number {
    return this.#finished;
  }

  /** Whether something was begun that is not all there. */
  get isUnfinished(): boolean {
    return this.#headerBytes > 0 || this.#bytesLeft > 0 || this.#isFragmented;
  }

  read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#bytesLeft === 0) {
        this.#readHeader(chunk[at] ?? 0);
        at += 1;
        continue;
      }
      const taken = Math.min(this.#bytesLeft, chunk.length - at);
      at += taken;
      this.#bytesLeft -= taken;
      if (this.#bytesLeft === 0) this.#endFrame();
    }
  }

  #readHeader(byte: number): void {
    this.#headerBytes += 1;
    if (this.#headerBytes === 1) {
      this.#first = byte;
      return;
    }
    if (this.#headerBytes === 2) this.#readLength(byte);
    else {
      this.#length = this.#length * 256 + byte;
      this.#lengthBytesLeft -= 1;
    }
    if (this.#lengthBytesLeft > 0) return;
    this.#headerBytes = 0;
    this.#bytesLeft = this.#length + (this.#masked ? MASK_BYTES : 0);
    if (this.#bytesLeft === 0) this.#endFrame();
  }

  #readLength(byte: number): void {
    this.#masked = (byte & MASKED) !== 0;
    const length = byte & ~MASKED;
    this.#lengthBytesLeft = length === 127 ? 8 : length === 126 ? 2 : 0;
    this.#length = this.#lengthBytesLeft > 0 ? 0 : length;
  }

  #endFrame(): void {
    if ((this.#first & OPCODE) === CONTINUATION) this.#continuations += 1;
    if ((this.#first & OPCODE) < FIRST_CONTROL_OPCODE) this.#isFragmented = (this.#first & FIN) === 0;
    if (!this.#isFragmented) this.#finished += 1;
  }
}

/** Deadlines for messages work with these. */
export interface MessageTimeoutContext {
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** How long a client may take from the first byte of a message to its last, in milliseconds. */
  readonly messageTimeoutMs: number;
}

/** Whose messages are bounded. */
export interface MessageReader {
  /** Whether something of the client's may have come that is not read yet: then it cannot finish, or has finished. */
  readonly isUnread: boolean;
  /** Called when a message took too long. */
  reset(): void;
}

/**
 * Bounds how long what came of an unfinished message is kept. Messages that come in one piece, as nearly all do, arm
 * nothing.
 */
export class MessageTimeout {
  readonly #context: MessageTimeoutContext;
  readonly #reader: MessageReader;
  readonly #progress = new MessageProgress();
  #timer: Timer | undefined;
  /** The message that the timer is for, by how many were finished before it. */
  #timed = 0;
  #continuationsTold = 0;

  constructor(context: MessageTimeoutContext, reader: MessageReader) {
    this.#context = context;
    this.#reader = reader;
  }

  get frameBytesLeft(): number {
    return this.#progress.frameBytesLeft;
  }

  /** Whether it knows nothing that a new one would not. */
  get isIdle(): boolean {
    return !this.#progress.isUnfinished && this.#progress.continuations === this.#continuationsTold;
  }

  /** Reads the client's bytes, as they come. */
  read(chunk: Buffer): void {
    this.#progress.read(chunk);
    const { isUnfinished, finished } = this.#progress;
    if (this.#timer !== undefined && isUnfinished && finished === this.#timed) return;
    this.cancel();
    if (isUnfinished) this.#arm();
  }

  /** How many frames came, since this was asked last, that go on with a message. */
  takeContinuations(): number {
    const { continuations } = this.#progress;
    const more = continuations - this.#continuationsTold;
    this.#continuationsTold = continuations;
    return more;
  }

  /** The bridge reads on after a pause: what was begun has its whole time again. */
  restart(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#arm();
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const { wheel, monotonicMs, messageTimeoutMs } = this.#context;
    this.#timed = this.#progress.finished;
    this.#timer = wheel.add(monotonicMs() + messageTimeoutMs, () => {
      this.#timer = undefined;
      if (this.#reader.isUnread) this.#arm();
      else this.#reader.reset();
    });
  }
}
