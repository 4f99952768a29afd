import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { SignJWT } from 'jose';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import { SECRETS, type Stack } from './stack';

/** A token as the platform issues it, for this stack's secret. */
export function token(claims: Record<string, unknown> = {}, secret = SECRETS.JWT_SECRET): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: 'matih-platform',
    aud: 'matih-api',
    sub: 'u1',
    jti: randomUUID(),
    iat: now,
    exp: now + 900,
    type: 'access',
    tenant_id: 'acme',
    roles: ['analyst'],
    ...claims,
  };
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret));
}

/** The response to an upgrade that was not admitted. */
export interface Refused {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One message as it came. */
export interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** A plain WebSocket client with a queue. */
export class Client {
  readonly #socket: WebSocket;
  readonly #queue: Message[] = [];
  readonly #waiting: ((message: Message) => void)[] = [];

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: RawData, isBinary) => {
      const message = { data: data as Buffer, isBinary };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#queue.push(message);
      else waiting(message);
    });
  }

  /** The next message, in order. */
  message(): Promise<Message> {
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve(queued);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** The next message as text. */
  async text(): Promise<string> {
    return (await this.message()).data.toString('utf8');
  }

  /** How many messages came that nobody asked for yet. */
  get unread(): number {
    return this.#queue.length;
  }

  send(data: string | Buffer): void {
    this.#socket.send(data);
  }

  /** Resolves when a pong came back: everything sent before was read by the bridge. */
  async roundTrip(): Promise<void> {
    const pong = once(this.#socket, 'pong');
    this.#socket.ping();
    await pong;
  }

  async closed(): Promise<number> {
    if (this.#socket.readyState === WebSocket.CLOSED) return 0;
    const [code] = (await once(this.#socket, 'close')) as [number];
    return code;
  }

  /** Cuts the TCP connection, without a closing handshake. */
  cut(): void {
    this.#socket.terminate();
  }

  async close(): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}

/** Tries an upgrade, with these subprotocols; resolves with an open client or with the refusal. @throws when the connection itself fails */
export function attempt(
  stack: Pick<Stack, 'url'>,
  path: string,
  bearer?: string,
  options: ClientOptions = {},
  offers: readonly string[] = [],
): Promise<Client | Refused> {
  const headers = { ...options.headers, ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) };
  const socket = new WebSocket(stack.url + path, [...offers], {
    ...options,
    headers,
    perMessageDeflate: false,
  });
  const client = new Client(socket);
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      resolve(client);
    });
    socket.on('error', reject);
    socket.once('unexpected-response', (asked, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        // ws leaves the connection to the listener; kept alive it would stay open at the gateway.
        asked.destroy();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
  });
}

/** An upgrade that must be admitted. */
export async function open(
  stack: Pick<Stack, 'url' | 'logs'>,
  path: string,
  bearer: string,
  options?: ClientOptions,
  offers?: readonly string[],
): Promise<Client> {
  const result = await attempt(stack, path, bearer, options, offers);
  if (result instanceof Client) return result;
  throw new Error(`expected 101, got ${result.status}: ${result.body}\n${await stack.logs()}`);
}

/** An upgrade that must be refused. */
export async function refused(
  stack: Pick<Stack, 'url'>,
  path: string,
  bearer?: string,
  options?: ClientOptions,
): Promise<Refused> {
  const result = await attempt(stack, path, bearer, options);
  if (!(result instanceof Client)) return result;
  await result.close();
  throw new Error('expected a refusal, got 101');
}
