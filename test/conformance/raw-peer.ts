import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { OPCODE } from './frames';
import { StrictReader, type Received } from './strict-reader';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Less than a test's time, so that what is missing is said. */
const PATIENCE_MS = 10_000;

/** An upgrade for {@link RawPeer.open}. */
export interface RawUpgrade {
  readonly port: number;
  readonly path: string;
  /** Beside those of RFC 6455 §4.1. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A client on a bare TCP socket, which sends whatever bytes it is given and reads strictly. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #reader = new StrictReader();
  readonly received: Received[] = [];
  /** The first rule that the server broke. */
  fault: Error | undefined;
  /** Whether the server has ended the connection. */
  isEnded = false;
  #wake: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    const end = (): void => {
      this.isEnded = true;
      this.#changed();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
  }

  /** Opens a WebSocket. @throws when the answer is no correct 101 (RFC 6455 §4.2.2) */
  static async open({ port, path, headers }: RawUpgrade): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const fields = {
      Host: 'conformance.test',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': KEY,
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
    socket.write([`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'), 'latin1');
    const { head, rest } = await readHead(socket);
    checkAnswer(head, headers['Sec-WebSocket-Protocol']);
    const peer = new RawPeer(socket);
    if (rest.length > 0) peer.#take(rest);
    return peer;
  }

  /** Sends bytes as they are, in pieces when a size is given. */
  async write(bytes: Buffer, pieceBytes = bytes.length): Promise<void> {
    for (let start = 0; start < bytes.length && !this.#socket.destroyed; start += pieceBytes) {
      this.#socket.write(bytes.subarray(start, start + pieceBytes));
      if (mayPause(start / pieceBytes)) await turn();
    }
  }

  /** The payloads of what came with an opcode. */
  payloads(opcode: number): readonly Buffer[] {
    return this.received.filter((item) => item.opcode === opcode).map(({ payload }) => payload);
  }

  /** The server's close code; 1005 when its close frame has none, undefined when there is no close frame. */
  get closeCode(): number | undefined {
    const [payload] = this.payloads(OPCODE.close);
    if (payload === undefined) return undefined;
    return payload.length === 0 ? 1005 : payload.readUInt16BE();
  }

  /** Resolves once something holds, or the connection has ended. @returns whether that was in time */
  async until(holds: () => boolean): Promise<boolean> {
    const time = { isOver: false };
    const late = setTimeout(() => {
      time.isOver = true;
      this.#changed();
    }, PATIENCE_MS);
    while (!holds() && !this.isEnded && !time.isOver)
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    clearTimeout(late);
    return !time.isOver;
  }

  cut(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    try {
      this.received.push(...this.#reader.push(chunk));
    } catch (error) {
      this.fault ??= error as Error;
      this.#socket.destroy();
    }
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

/**
 * Whether a piece is read before the next is sent. Some of very many are read together: one frame may come in 16,384 pieces
 * (PROTOCOL.md §3), and a message of 1 MiB in pieces of 64 bytes has one more.
 */
function mayPause(piece: number): boolean {
  return piece < 256 || piece % 8 === 0;
}

async function readHead(socket: Socket): Promise<{ readonly head: string; readonly rest: Buffer }> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'end')])) as [Buffer?];
    if (chunk === undefined) throw new Error(`the connection ended after: ${bytes.toString('latin1')}`);
    bytes = Buffer.concat([bytes, chunk]);
    const end = bytes.indexOf('\r\n\r\n');
    if (end !== -1) return { head: bytes.toString('latin1', 0, end), rest: bytes.subarray(end + 4) };
  }
}

/** RFC 6455 §4.1: what a client checks of the answer. */
function checkAnswer(head: string, offered: string | undefined): void {
  const accept = createHash('sha1')
    .update(KEY + GUID)
    .digest('base64');
  const lines = head.split('\r\n');
  const valueOf = (name: string): string | undefined =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const wrong =
    (!head.startsWith('HTTP/1.1 101 ') && 'status 101') ||
    (valueOf('upgrade')?.toLowerCase() !== 'websocket' && 'Upgrade: websocket') ||
    (!/\bupgrade\b/i.test(valueOf('connection') ?? '') && 'Connection: Upgrade') ||
    (valueOf('sec-websocket-accept') !== accept && `Sec-WebSocket-Accept: ${accept}`) ||
    (valueOf('sec-websocket-protocol') !== offered && `Sec-WebSocket-Protocol: ${offered ?? 'none'}`) ||
    (valueOf('sec-websocket-extensions') !== undefined && 'no extension');
  if (wrong !== false) throw new Error(`expected ${wrong}, got:\n${head}`);
}
