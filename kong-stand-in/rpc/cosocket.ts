import { createConnection, type Socket } from 'node:net';

/** A failure that a cosocket reports as nginx words it: `closed`, `timeout`, `connection refused`, … */
export class CosocketError extends Error {
  override readonly name = 'CosocketError';
}

/** nginx's words for a system error. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ECONNRESET: 'connection reset by peer',
  EPIPE: 'broken pipe',
  ENOTSOCK: 'socket operation on non-socket',
};

/**
 * One connection to a plugin server, read the way Lua code reads a cosocket (lua-nginx-module). It reads a byte count or
 * whatever is there, and a timeout bounds each wait.
 */
export class Cosocket {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #buffered: Buffer = Buffer.alloc(0);
  #failure: CosocketError | undefined;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('data', (chunk: Buffer) => {
      this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
      this.#wake?.();
    });
    socket.on('end', () => {
      this.#fail('closed');
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      this.#fail(words(cause));
    });
    socket.on('close', () => {
      this.#fail('closed');
    });
  }

  /**
   * Connects to a Unix socket.
   * @throws CosocketError
   */
  static async connect(path: string, timeoutMs: number): Promise<Cosocket> {
    const socket = createConnection({ path });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new CosocketError('timeout'));
      }, timeoutMs);
      socket.once('connect', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.once('error', (cause) => {
        clearTimeout(timer);
        reject(new CosocketError(words(cause)));
      });
    }).catch((cause: unknown) => {
      socket.destroy();
      throw cause;
    });
    return new Cosocket(socket, timeoutMs);
  }

  /** Whether it can be used again: the other side has neither closed nor said anything unasked. */
  get isIdle(): boolean {
    return this.#failure === undefined && this.#buffered.length === 0;
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads exactly `length` bytes. @throws CosocketError `closed`, `timeout`, … */
  async receive(length: number): Promise<Buffer> {
    while (this.#buffered.length < length) await this.#more();
    const bytes = this.#buffered.subarray(0, length);
    this.#buffered = this.#buffered.subarray(length);
    return bytes;
  }

  /** Reads what is there, at least one byte. @throws CosocketError */
  async receiveAny(): Promise<Buffer> {
    while (this.#buffered.length === 0) await this.#more();
    return this.receive(this.#buffered.length);
  }

  /** Calls back once when the other side closes, or sends what nobody asked for. */
  whenDisturbed(callback: () => void): void {
    this.#wake = callback;
    if (!this.isIdle) callback();
  }

  /** Stops {@link whenDisturbed}. */
  undisturbed(): void {
    this.#wake = undefined;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #more(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const timedOut = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, this.#timeoutMs, true);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(false);
      };
    });
    this.#wake = undefined;
    if (timedOut) throw new CosocketError('timeout');
  }

  #fail(message: string): void {
    this.#failure ??= new CosocketError(message);
    this.#wake?.();
  }
}

function words(cause: NodeJS.ErrnoException): string {
  return WORDS[cause.code ?? ''] ?? cause.message;
}
