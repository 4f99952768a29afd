import { connect, type Socket } from 'node:net';

/** How a socket of A takes what comes for it: at once, never, or so many bytes a second. */
export type Reading = 'all' | 'nothing' | { readonly bytesPerSecond: number };

/** How one connects. */
export interface FoePlan {
  readonly port: number;
  /** It sends this first. */
  readonly request: string;
  readonly reading: Reading;
}

/** Bytes that wait in this process at most, beside what the system holds: who writes more waits. */
const ROOM_BYTES = 1_048_576;
/** Who reads slowly takes so much at a time. */
const SIP_BYTES = 4096;
const HEAD_END = '\r\n\r\n';
/** An upgrade, a stream, or a message that was posted. */
const TAKEN = /^HTTP\/1\.1 (?:101|200|202) /;
/** All sockets read into it: nothing of what comes is kept. */
const SHARED_BUFFER = Buffer.allocUnsafeSlow(262_144);

/** A socket of tenant A: it writes what it likes, reads as it likes, and looks at nothing. */
export class Foe {
  readonly #socket: Socket;
  readonly #reading: Reading;
  readonly #gone: Promise<void>;
  #head = '';
  #settle: (isOpen: boolean) => void = () => undefined;
  #hearers: (() => void)[] = [];
  /** Whether the bridge did what it was asked for. */
  readonly opened: Promise<boolean>;
  bytesRead = 0;
  isOpen = true;
  /** Whether it went by itself. */
  hasLeft = false;

  constructor(plan: FoePlan) {
    this.#reading = plan.reading;
    this.opened = new Promise((resolve) => (this.#settle = resolve));
    const size = typeof plan.reading === 'object' ? SIP_BYTES : SHARED_BUFFER.length;
    const buffer = SHARED_BUFFER.subarray(0, size);
    this.#socket = connect({
      host: '127.0.0.1',
      port: plan.port,
      noDelay: true,
      onread: { buffer, callback: (bytes) => this.#read(buffer, bytes) },
    });
    this.#socket.on('error', () => undefined);
    this.#gone = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.isOpen = false;
        this.#settle(false);
        this.#wake();
        resolve();
      });
    });
    this.#socket.write(plan.request);
  }

  /** Writes, and waits until there is room for more or the socket is gone. */
  async write(bytes: Buffer): Promise<void> {
    if (!this.isOpen || this.#socket.write(bytes) || this.#socket.writableLength < ROOM_BYTES) return;
    const drained = new Promise<void>((resolve) => this.#socket.once('drain', resolve));
    await Promise.race([drained, this.#gone]);
  }

  /** Waits until so many bytes have come in all, or the socket is gone. */
  async heard(bytes: number): Promise<void> {
    while (this.bytesRead < bytes && this.isOpen)
      await new Promise<void>((resolve) => this.#hearers.push(resolve));
  }

  /** Waits until the socket is gone. */
  ended(): Promise<void> {
    return this.#gone;
  }

  /** Cuts the connection. */
  leave(): void {
    this.hasLeft = true;
    this.#socket.destroy();
  }

  /** @returns whether to read on */
  #read(buffer: Buffer, bytes: number): boolean {
    if (this.#head.endsWith(HEAD_END)) {
      this.bytesRead += bytes;
      this.#wake();
    } else if (!this.#readHead(buffer.toString('latin1', 0, bytes))) return true;
    const reading = this.#reading;
    if (typeof reading === 'object') {
      setTimeout(() => this.#socket.resume(), (SIP_BYTES * 1000) / reading.bytesPerSecond);
    }
    return reading === 'all';
  }

  /** @returns whether the bridge's answer is there */
  #readHead(text: string): boolean {
    this.#head += text;
    const end = this.#head.indexOf(HEAD_END);
    if (end === -1) return false;
    this.bytesRead += this.#head.length - end - HEAD_END.length;
    this.#head = this.#head.slice(0, end + HEAD_END.length);
    this.#settle(TAKEN.test(this.#head));
    return true;
  }

  #wake(): void {
    for (const wake of this.#hearers.splice(0)) wake();
  }
}
