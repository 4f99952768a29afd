import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { pino } from 'pino';
import { WebSocket, type RawData } from 'ws';
import { SUBPROTOCOL, type ReadyFrame } from '../../protocol/frames';
import { placeholders } from '../routes/channel-template';
import { withDeadline } from '../lib/promises';
import { publisher } from '../redis/publish';
import { disconnect, redisCommands } from '../redis/connections';
import type { RedisNames } from '../redis/names';
import { routeUrl } from './route-url';
import type { Route } from '../routes/route';
import { printable, refusalOf } from '../http/upgrade-answer';
import { fails, holds, type Finding } from './finding';
import { kongFinding } from './kong-version';
import { connectOnce } from './redis-connect';
import { matchRoute } from '../routes/match';
import type { RedisSettings } from '../redis/settings';

/** The way through the gateway is tried with these. */
export interface GatewayCheck {
  /** `wss://gateway.example`, with the path under which it serves the routes, if there is one. */
  readonly url: URL;
  readonly token: string;
  /** A route with a session of its own, so that nobody else sees what is published; with or without a query. */
  readonly path: string;
  /** The Redis that messages are published to. */
  readonly redis: RedisSettings;
  /** The names in it. */
  readonly names: RedisNames;
  readonly routes: readonly Route[];
  /** For each step, in milliseconds. */
  readonly timeoutMs: number;
}

/** Upgrades through the gateway, waits for the bridge's greeting, publishes, and must receive it. */
export async function checkGateway(check: GatewayCheck): Promise<readonly Finding[]> {
  const { url: gateway, token, path, timeoutMs } = check;
  const url = routeUrl(gateway, path);
  const route = sessionRoute(check);
  if (route === undefined) {
    return [fails('upgrade', `${path} is no route with a session`, 'name one with --path')];
  }
  const socket = new WebSocket(url, SUBPROTOCOL, {
    headers: { Authorization: `Bearer ${token}` },
    handshakeTimeout: timeoutMs,
  });
  const inbox = new Inbox(socket);
  const { refused, kong } = await upgraded(socket, url);
  if (refused !== undefined) return [refused, ...kong];
  const findings = [holds('upgrade', `101 from ${url.host}`), ...kong];
  try {
    const ready = JSON.parse((await inbox.next(timeoutMs)).toString()) as Partial<ReadyFrame>;
    const session = ready.type === 'bridge.ready' ? ready.data?.session : undefined;
    if (session === undefined) throw new Error('the first frame was not bridge.ready');
    findings.push(holds('ready', 'the bridge greets in bridge.v1'));
    findings.push(await checkLoop(check, route, session, inbox));
  } catch (error) {
    const remedy = 'see that the gateway passes Sec-WebSocket-Protocol and leads to ws-bridge';
    findings.push(fails('ready', `no bridge.ready (${(error as Error).message})`, remedy));
  } finally {
    socket.terminate();
  }
  return findings;
}

function sessionRoute({ routes, path }: GatewayCheck): Route | undefined {
  const [withoutQuery = ''] = path.split('?');
  const match = matchRoute(routes, withoutQuery);
  return match.kind === 'route' && match.route.session ? match.route : undefined;
}

/** How an upgrade ended. */
interface Upgraded {
  /** The finding where no socket opened. */
  readonly refused: Finding | undefined;
  /** The findings about the Kong that answered. */
  readonly kong: readonly Finding[];
}

async function upgraded(socket: WebSocket, url: URL): Promise<Upgraded> {
  let kong: readonly Finding[] = [];
  const answered = new Promise<Upgraded>((resolve) => {
    socket.once('upgrade', ({ headers }) => {
      kong = kongFinding(headers);
    });
    socket.once('unexpected-response', (request, response) => {
      void refusalOf(response).then(({ status, message }) => {
        request.destroy();
        const refused = fails('upgrade', `${status} ${message}`.trim(), remedyFor(status, url));
        resolve({ refused, kong: kongFinding(response.headers) });
      });
    });
    socket.on('error', (error) => {
      const remedy = 'name the address of the gateway with --gateway';
      const refused = fails('upgrade', `${url.host} cannot be reached (${printable(error.message)})`, remedy);
      resolve({ refused, kong });
    });
  });
  return Promise.race([answered, once(socket, 'open').then((): Upgraded => ({ refused: undefined, kong }))]);
}

function remedyFor(status: number, url: URL): string {
  switch (status) {
    case 401:
      return 'ask ws-gatekeeper verify for the fault of the token. If it finds none, the line "upgrade" in the log of the bridge has the reason. It may be another assertion key than the gatekeeper has, or a path that was rewritten behind it';
    case 403:
      return "look at the plugin's allowed_origins and tenant_claim";
    case 404:
      return `give the gateway a route for ${url.pathname}, and the bridge one (BRIDGE_ROUTES_FILE)`;
    case 426:
      return 'something before the gateway drops the headers Upgrade and Connection';
    case 429:
      return 'the tenant is over its limit: try again later';
    case 500:
      return "look at the gateway's and the gatekeeper's log: is the plugin server running, its configuration good?";
    case 502:
    case 504:
      return "the gateway does not reach the bridge: look at the service's address";
    case 503:
      return 'the bridge drains, is full or has no Redis: look at its /readyz';
    default:
      return 'expected 101: look at what stands before the gateway';
  }
}

async function checkLoop(
  { redis, names, timeoutMs }: GatewayCheck,
  route: Route,
  session: string,
  inbox: Inbox,
): Promise<Finding> {
  const template = route.channels.find((channel) => placeholders(channel).join() === 'session');
  if (template === undefined) {
    return fails(
      'loop',
      `${route.name} has no channel of its session alone`,
      'name another route with --path',
    );
  }
  const text = `doctor ${randomUUID()}`;
  const commands = redisCommands('commands', redis, pino({ level: 'silent' }));
  try {
    await connectOnce(commands, redis.redisTimeoutMs);
    const begun = performance.now();
    await publisher(commands)(names.channel(template, { session }), text);
    while ((await inbox.next(timeoutMs)).toString() !== text);
    return holds('loop', `published and received in ${Math.round(performance.now() - begun)} ms`);
  } catch (error) {
    const wrong = `what was published did not arrive (${(error as Error).message})`;
    return fails(
      'loop',
      wrong,
      "are REDIS_URL and BRIDGE_CHANNEL_PREFIX those of the bridge behind this gateway? Look at the bridge's /readyz",
    );
  } finally {
    await disconnect(commands);
  }
}

/** Messages in order, for one reader. */
class Inbox {
  readonly #messages: RawData[] = [];
  #wake: (() => void) | undefined;
  #end: string | undefined;

  constructor(socket: WebSocket) {
    socket.on('message', (data) => {
      this.#messages.push(data);
      this.#wake?.();
    });
    socket.on('close', (code) => {
      this.#end = `closed with ${code}`;
      this.#wake?.();
    });
  }

  /** @throws Error when none comes in time, or the socket has closed */
  async next(timeoutMs: number): Promise<Buffer> {
    if (this.#messages.length === 0 && this.#end === undefined) {
      await withDeadline(
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
        timeoutMs,
      );
    }
    const message = this.#messages.shift();
    if (message === undefined) throw new Error(this.#end ?? 'no message');
    return message as Buffer;
  }
}
