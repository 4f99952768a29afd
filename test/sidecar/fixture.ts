import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingHttpHeaders } from 'node:http';
import { setImmediate, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import type { Access } from '../../protocol/access';
import { signAssertion, type AssertedCaller } from '../../protocol/assertion';
import { CONTROL_FRAME_PREFIX, type ControlFrame, type ReadyFrame } from '../../protocol/frames';
import { importSecret } from '../../protocol/keys';
import { canonicalPath } from '../../protocol/path';
import { createBridge, type Bridge, type BridgeDeps, type OpenState } from '../../sidecar/bridge';
import { RedisNames } from '../../sidecar/redis/names';
import { parseSettings } from '../../sidecar/settings/settings';

/** The secret that {@link headersFor} signs with and {@link startBridge} verifies with. */
export const SECRET = 'the secret of the bridge tests, 32+';

/** A noisy machine must not look like a Redis or a bridge that is away. */
export const PATIENT: Readonly<Record<string, string>> = {
  BRIDGE_REDIS_TIMEOUT_MS: '10000',
  BRIDGE_HANDOVER_TIMEOUT_MS: '10000',
  BRIDGE_HANDSHAKE_TIMEOUT_MS: '15000',
};

/** A bridge in this process, on free ports. */
export interface TestBridge {
  readonly bridge: Bridge;
  /** `ws://127.0.0.1:PORT` */
  readonly url: string;
  /** `http://127.0.0.1:PORT` */
  readonly adminUrl: string;
  /** Every line logged so far, as JSON. */
  readonly logLines: readonly string[];
}

/** A bridge's clocks, in milliseconds: of the epoch, and of durations; and how its loop is shared. */
export type TestClocks = Pick<BridgeDeps, 'now' | 'monotonicMs' | 'shares'>;

/**
 * The wall clocks of the bridges that a test keeps, by where they listen. Who connects was admitted by that clock: one that stands still
 * is behind the machine's by however long the machine takes.
 */
const wallClocks = new Map<string, () => number>();

/** Starts a bridge; `env` adds to its environment, and one clock given is both of its clocks. */
export async function startBridge(
  redisUrl: string,
  env: Readonly<Record<string, string>> = {},
  clocks: (() => number) | TestClocks = {},
): Promise<TestBridge> {
  const settings = parseSettings({
    BRIDGE_HOST: '127.0.0.1',
    BRIDGE_PORT: '0',
    BRIDGE_ADMIN_HOST: '127.0.0.1',
    BRIDGE_ADMIN_PORT: '0',
    BRIDGE_ASSERTION_SECRET: SECRET,
    REDIS_URL: redisUrl,
    ...PATIENT,
    ...env,
  });
  const logLines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });
  const own = typeof clocks === 'function' ? { now: clocks, monotonicMs: clocks } : clocks;
  const bridge = createBridge(settings, { log, ...own });
  const { port, adminPort } = await bridge.start();
  const [url, adminUrl] = [`ws://127.0.0.1:${port}`, `http://127.0.0.1:${adminPort}`];
  wallClocks.set(new URL(url).host, own.now ?? Date.now);
  return { bridge, url, adminUrl, logLines };
}

/** Who a test's client is. */
export interface Caller {
  readonly tenant: string;
  readonly user: string;
  readonly roles?: readonly string[];
  /** The token's `jti`. */
  readonly jti?: string;
  /** The token's `exp`, in seconds since the epoch; in 15 minutes by default. */
  readonly exp?: number;
  /** The path that the assertion counts for; every path by default, as an older gatekeeper signs it. */
  readonly path?: string;
  /** The decision of rules; none by default. */
  readonly access?: Access;
}

/** The headers that the gatekeeper sets for a caller, as bytes that Node's client takes (latin1). */
export async function headersFor(caller: Caller, nowMs = Date.now()): Promise<Record<string, string>> {
  const { tenant, user, roles = [] } = caller;
  const requestId = randomUUID();
  const asserted: AssertedCaller = {
    identity: { tenantId: tenant, userId: user, roles },
    requestId,
    tokenJti: caller.jti,
    tokenExp: caller.exp ?? nowMs / 1000 + 900,
    path: caller.path,
    access: caller.access,
  };
  const key = await importSecret(SECRET, 'HS256');
  const assertion = await signAssertion(asserted, key, nowMs / 1000, randomUUID());
  return {
    'X-Tenant-ID': latin1(tenant),
    'X-User-ID': latin1(user),
    'X-User-Roles': latin1(roles.join(',')),
    'X-Request-ID': requestId,
    'X-Gateway-Assertion': assertion,
  };
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A message as it came. */
export interface Message {
  readonly data: Buffer;
  readonly binary: boolean;
}

/** An open client that keeps what it gets until it is asked for. */
export class Client {
  readonly socket: WebSocket;
  /** Settles with the close code. */
  readonly closed: Promise<number>;
  readonly #got: Message[] = [];
  readonly #waiting: ((message: Message) => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.on('message', (data, binary) => {
      const message = { data: data as Buffer, binary };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#got.push(message);
      else waiting(message);
    });
  }

  /** How many messages came that were not asked for yet. */
  get kept(): number {
    return this.#got.length;
  }

  next(): Promise<Message> {
    const message = this.#got.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async nextText(): Promise<string> {
    const { data, binary } = await this.next();
    if (binary) throw new Error('expected a text message, got a binary one');
    return data.toString('utf8');
  }

  async nextJson(): Promise<unknown> {
    return JSON.parse(await this.nextText());
  }

  /** Cuts the connection without a closing handshake, as a lost network would. */
  async cut(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/**
 * Connects and resolves when the client is open; rejects with the status when it is refused.
 * @param offers the subprotocols that the client offers
 */
export async function connect(url: string, caller: Caller, offers: readonly string[] = []): Promise<Client> {
  const { host, pathname } = new URL(url);
  const headers = await headersFor({ path: canonicalPath(pathname), ...caller }, wallClocks.get(host)?.());
  const socket = new WebSocket(url, [...offers], { headers, perMessageDeflate: false });
  const client = new Client(socket);
  await once(socket, 'open');
  return client;
}

/** A client of `bridge.v1` that counts its frames as PROTOCOL.md §5 says. */
export class CountingClient {
  readonly client: Client;
  /** The data of its `bridge.ready`. */
  readonly ready: ReadyFrame['data'];
  #epoch: string;
  #offset: number;

  constructor(client: Client, ready: ReadyFrame['data']) {
    this.client = client;
    this.ready = ready;
    this.#epoch = ready.epoch;
    this.#offset = ready.offset;
  }

  /** Where to go on after a new connection. */
  get point(): string {
    return `${this.#epoch}.${this.#offset}`;
  }

  /** The next frame: its text, or the control frame. */
  async next(): Promise<string | ControlFrame> {
    const { data, binary } = await this.client.next();
    const text = data.toString('utf8');
    if (binary || !text.startsWith(CONTROL_FRAME_PREFIX)) {
      this.#offset += 1;
      return text;
    }
    const frame = JSON.parse(text) as ControlFrame;
    if (frame.type === 'bridge.gap') [this.#epoch, this.#offset] = [frame.data.epoch, frame.data.offset];
    return frame;
  }

  async take(count: number): Promise<(string | ControlFrame)[]> {
    const got: (string | ControlFrame)[] = [];
    while (got.length < count) got.push(await this.next());
    return got;
  }

  send(text: string): void {
    this.client.socket.send(text);
  }
}

/** Connects with `bridge.v1`, at a resume point when one is given, and reads `bridge.ready`. */
export async function connectCounting(url: string, caller: Caller, point?: string): Promise<CountingClient> {
  const target = new URL(url);
  if (point !== undefined) target.searchParams.set('resume', point);
  const client = await connect(target.href, caller, ['bridge.v1']);
  const ready = (await client.nextJson()) as ControlFrame;
  if (ready.type !== 'bridge.ready') throw new Error('expected bridge.ready first');
  return new CountingClient(client, ready.data);
}

/** An answer other than 101. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** The client's part of the opening handshake (RFC 6455 §1.2). */
export const HANDSHAKE: Readonly<Record<string, string>> = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Asks for an upgrade and leaves the answer to the caller. */
export function startUpgrade(url: string, headers: RequestHeaders, method = 'GET'): ClientRequest {
  const asked = request(url.replace(/^ws/, 'http'), {
    method,
    headers: { ...HANDSHAKE, ...headers } as Record<string, string | string[]>,
  });
  asked.on('error', () => undefined);
  asked.end();
  return asked;
}

/** Asks for an upgrade; a 101 is answered with status 101 and hung up. */
export function askUpgrade(url: string, headers: RequestHeaders, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = startUpgrade(url, headers, method);
    asked.once('error', reject);
    asked.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '' });
    });
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
  });
}

/** The names of bridges without a prefix. */
export const UNPREFIXED = new RedisNames('');

/** Whose sockets a bridge's log says were closed for flooding, and what they were over. */
export function floods({ logLines }: TestBridge): readonly object[] {
  return logLines
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .filter(({ msg }) => msg === 'closed for flooding')
    .map(({ route, tenant, user, over }) => ({ route, tenant, user, over }));
}

/** The channels that clients' sockets are subscribed to, on all bridges. */
export async function clientChannels(redis: Redis): Promise<readonly string[]> {
  const channels = (await redis.pubsub('CHANNELS')) as string[];
  return channels.filter((name) => !UNPREFIXED.isOwnChannel(name)).sort();
}

/** The answer of {@link Bridge.openState} when nothing is left. */
export const EMPTY: OpenState = {
  connections: 0,
  undecidedUpgrades: 0,
  channels: 0,
  streams: 0,
  ringBytes: 0,
  ringTenants: 0,
  unsentBytes: 0,
  unfinishedBytes: 0,
  states: 0,
  deadlines: 0,
  sessions: 0,
  revocable: 0,
  cappedCallers: 0,
  documents: 0,
  lockedDocuments: 0,
  locks: 0,
  topics: 0,
  meteredCallers: 0,
  handovers: 0,
  histories: 0,
  marks: 0,
  heartbeats: 0,
  redisListeners: 0,
};

/** Milliseconds between two questions whose answer no event of this process announces. */
const ASK_AGAIN_MS = 5;

/**
 * Asks again until the answer holds; the test's timeout ends it. It asks this process after each turn of its event
 * loop in which something happened, and others every few milliseconds. The loop rests in between:
 * one that spins takes a core from the servers that are waited for, and looks like a bridge under load.
 */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const wakes = setInterval(() => undefined, ASK_AGAIN_MS);
  try {
    for (let answer = holds(); !(await answer); answer = holds()) {
      await (typeof answer === 'boolean' ? nextBusyTurn() : sleep(ASK_AGAIN_MS));
    }
  } finally {
    clearInterval(wakes);
  }
}

/** Resolves in the next turn of the event loop in which something happens: an immediate that does not wake the loop. */
function nextBusyTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve).unref());
}
