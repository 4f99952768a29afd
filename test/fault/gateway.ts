import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { callerOf, splitHead, vouchedHead } from './gateway-head';
import { CUTS, Link, type Cut } from './link';
import type { Random } from './random';
import { until } from './until';

/** Where a bridge listens. */
export interface Backend {
  readonly port: number;
  readonly adminPort: number;
}

/** A request that a bridge accepted. */
interface Accepted {
  readonly backend: Backend;
  readonly request: Buffer;
  readonly atMs: number;
}

/** An assertion lives for 30 seconds. */
const REPLAYED_FOR_MS = 25_000;
const MAX_REPLAYED = 100;
/** The beginning of a status line, up to its code. */
const STATUS_BYTES = 12;
const ACCEPTED = /^HTTP\/1\.1 (?:101|200|202)/;

/** How often the gateway asks each bridge whether it is ready, in milliseconds. */
const HEALTH_INTERVAL_MS = 100;

/**
 * A gateway in front of several bridges: vouches for callers as the gatekeeper does, sends each to a random bridge
 * that is ready, and cuts connections when it is told to.
 */
export class FaultyGateway {
  readonly cuts: Record<Cut, number> = { clean: 0, reset: 0, 'half-open': 0 };
  /** Requests that were sent once more to the bridge that had accepted them, by what it said then. */
  readonly replays = { refused: 0, acceptedAgain: 0, unanswered: 0 };
  /** Upgrades that met no bridge. */
  unserved = 0;
  readonly #random: Random;
  readonly #server: Server;
  readonly #healthy = new Map<Backend, boolean>();
  /** Those that are asked just now whether they are ready: one that is slow to answer is not asked ever more. */
  readonly #asked = new Set<Backend>();
  readonly #links = new Set<Link>();
  /** The connections of clients, those without a link yet too. */
  readonly #clients = new Set<Socket>();
  #accepted: Accepted[] = [];
  readonly #health: NodeJS.Timeout;

  private constructor(random: Random) {
    this.#random = random;
    this.#server = createServer((client) => void this.#serve(client));
    this.#health = setInterval(() => {
      for (const backend of this.#healthy.keys()) if (!this.#asked.has(backend)) void this.#look(backend);
    }, HEALTH_INTERVAL_MS);
  }

  /** Starts one on a free port of this machine. */
  static async start(random: Random): Promise<FaultyGateway> {
    const gateway = new FaultyGateway(random);
    gateway.#server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
    await once(gateway.#server, 'listening');
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Sends callers there as soon as it is ready. */
  async add(backend: Backend): Promise<void> {
    this.#healthy.set(backend, false);
    await until(() => this.#look(backend));
  }

  /** Sends nobody there any more. */
  remove(backend: Backend): void {
    this.#healthy.delete(backend);
  }

  /** Sends callers there until it says that it is not ready, as a bridge does that drains. */
  async removeOnceUnready(backend: Backend): Promise<void> {
    await until(async () => !(await this.#look(backend)));
    this.remove(backend);
  }

  /** Sends each request that a bridge accepted a short while ago to it once more. */
  async replay(): Promise<void> {
    const now = performance.now();
    this.#accepted = this.#accepted.filter(({ atMs }) => now - atMs < REPLAYED_FOR_MS);
    await Promise.all(
      this.#accepted.map(async ({ backend, request }) => {
        const status = await statusOf(backend, request);
        if (status === undefined) this.replays.unanswered += 1;
        else if (ACCEPTED.test(status)) this.replays.acceptedAgain += 1;
        else this.replays.refused += 1;
      }),
    );
  }

  /** How many bridges are ready. */
  get readyCount(): number {
    return this.#ready().length;
  }

  /**
   * Cuts connections in random ways at random times, so many a second on average.
   * @returns a function that ends it
   */
  cutAtRandom(perSecond: number): () => void {
    let timer: NodeJS.Timeout | undefined;
    const cutNext = (): void => {
      const delayMs = (-Math.log(1 - this.#random.next()) / perSecond) * 1000;
      timer = setTimeout(() => {
        this.#cutOne();
        cutNext();
      }, delayMs);
    };
    cutNext();
    return () => {
      clearTimeout(timer);
    };
  }

  /** Ends every connection, half-open ones too. */
  cutAll(): void {
    for (const link of this.#links) link.destroy();
  }

  /** Ends every connection and listens no more. */
  async stop(): Promise<void> {
    clearInterval(this.#health);
    this.#healthy.clear();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cutAll();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  #cutOne(): void {
    const link = this.#random.pick([...this.#links].filter(({ isWhole }) => isWhole));
    const how = this.#random.pick(CUTS);
    if (link === undefined || how === undefined) return;
    this.cuts[how] += 1;
    link.cut(how);
  }

  #ready(): readonly Backend[] {
    return [...this.#healthy].filter(([, healthy]) => healthy).map(([backend]) => backend);
  }

  async #look(backend: Backend): Promise<boolean> {
    this.#asked.add(backend);
    const ready = await fetch(`http://127.0.0.1:${backend.adminPort}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    this.#asked.delete(backend);
    if (this.#healthy.has(backend)) this.#healthy.set(backend, ready);
    return ready;
  }

  async #serve(client: Socket): Promise<void> {
    this.#clients.add(client);
    client.once('close', () => this.#clients.delete(client));
    client.on('error', () => undefined);
    client.setNoDelay(true);
    const request = await readHead(client);
    if (request === undefined) return;
    const caller = callerOf(request.head);
    if (caller === undefined || caller.exp * 1000 <= Date.now()) {
      client.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const head = await vouchedHead(request.head, caller);
    const [backend, bridge] = await this.#connectOne();
    if (backend === undefined || bridge === undefined) {
      this.unserved += 1;
      client.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const sent = Buffer.concat([Buffer.from(head, 'latin1'), request.rest]);
    bridge.write(sent);
    const link: Link = new Link(client, bridge, () => this.#links.delete(link));
    this.#links.add(link);
    bridge.once('data', (answer: Buffer) => {
      if (!ACCEPTED.test(answer.toString('latin1', 0, STATUS_BYTES))) return;
      this.#accepted = [...this.#accepted, { backend, request: sent, atMs: performance.now() }].slice(
        -MAX_REPLAYED,
      );
    });
  }

  async #connectOne(): Promise<readonly [Backend, Socket] | readonly []> {
    const backend = this.#random.pick(this.#ready());
    if (backend === undefined) return [];
    const bridge = connect(backend.port, '127.0.0.1');
    bridge.setNoDelay(true);
    try {
      await once(bridge, 'connect');
      bridge.on('error', () => undefined);
      return [backend, bridge];
    } catch {
      return [];
    }
  }
}

/** The beginning of an answer; undefined when there is none. */
async function statusOf({ port }: Backend, request: Buffer): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write(request);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return answer.toString('latin1', 0, STATUS_BYTES);
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** Reads a request's head. @returns undefined when the client leaves before it is all there */
async function readHead(client: Socket): ReturnType<typeof readHeadOf> {
  try {
    return await readHeadOf(client);
  } finally {
    client.removeAllListeners('data').pause();
  }
}

async function readHeadOf(client: Socket) {
  let sent = Buffer.alloc(0);
  return new Promise<ReturnType<typeof splitHead>>((resolve) => {
    client.on('data', (chunk: Buffer) => {
      sent = Buffer.concat([sent, chunk]);
      const request = splitHead(sent);
      if (request !== undefined) resolve(request);
    });
    client.once('close', () => {
      resolve(undefined);
    });
  });
}
