import { monotonicNow, SYSTEM_CLOCK, type Clock } from './clock.ts';
import type { Fetch } from './asked-refusal.ts';
import type { PointStorage } from './stored-point.ts';
import { surroundingsOf, type Globals, type Surroundings } from './surroundings.ts';
import { described } from './token.ts';
import type { WebSocketConstructor } from './web-socket.ts';

/**
 * How a client connects and behaves. Only `url` and `token` are required.
 * @example
 * const client = connect({
 *   url: 'wss://gateway.example/ws/notifications',
 *   token: () => auth.freshToken(),
 * });
 */
export interface ClientOptions {
  /**
   * Where the gateway is. The route's path and query may stand in it, or in `path`.
   * @example 'wss://gateway.example'
   */
  readonly url: string | URL;
  /**
   * The route, resolved against `url`. Use it where one gateway's address serves several routes.
   * @default the path and query of `url`
   * @example '/ws/ai/chat?session=s1'
   */
  readonly path?: string | undefined;
  /**
   * The session of an AI chat to open, as `client.session` told it.
   * @default that of `url`, or a new one
   */
  readonly session?: string | undefined;
  /**
   * With `oldest` the first connection brings all that is still kept of the session's stream, as for a page that was loaded
   * again. Later ones go on where the last ended. The client of `ws-bridge-client/chat` tells the answer that is on its way
   * from what is history; here all of it is told as `replayed`.
   * @default only what is published from now on
   */
  readonly resume?: 'oldest' | undefined;
  /**
   * Keeps the session and the resume point of the route over a reload: pass `sessionStorage`. The first connection goes on
   * behind the last frame that the page was told before. With `resume: 'oldest'` only the session is taken from it.
   *
   * Its content belongs to the token's `sub` and `tenant_id`, and to `session` where that is given. One that is full,
   * forbidden or broken harms nothing.
   * @default nothing is kept
   */
  readonly storage?: PointStorage | undefined;
  /**
   * Gives the access token of each connection. Return a fresh one: the client asks again before the last one expires.
   *
   * No socket is opened when it throws, rejects or gives no token. No token is undefined, null, an empty text, or one with
   * characters that no JWT has. That counts as a failed attempt, is told by an `error` event, and is tried again.
   * @example async () => (await fetch('/api/token')).text()
   */
  readonly token: () => string | Promise<string>;
  /**
   * The constructor of sockets. Pass that of `ws` in Node 20, which has no global one.
   * @default globalThis.WebSocket
   */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /**
   * Asks for the reason of a refused handshake, which a browser does not tell: the same URL, with the token in
   * `Authorization`. It is called once for each handshake that failed, never for one that was refused over the WebSocket of
   * `ws`, which tells. Where the gateway is of another origin, its CORS settings must allow it (client/README.md).
   * @default globalThis.fetch
   */
  readonly fetch?: Fetch | undefined;
  /**
   * The prefix of the token among the subprotocols, in which the token travels. Set it to the gateway's where an operator
   * changed that (`subprotocol_prefixes` of the plugin).
   * @default 'bearer.'
   */
  readonly bearerPrefix?: string | undefined;
  /**
   * The longest delay before the first reconnect, in milliseconds. Each further one doubles it, up to `backoffCapMs`. The
   * delay itself is random, so that clients of one moment spread out.
   * @default 1_000
   */
  readonly backoffBaseMs?: number | undefined;
  /**
   * The longest delay of all, in milliseconds. Raise it where very many clients come back to one gateway.
   * @default 30_000
   */
  readonly backoffCapMs?: number | undefined;
  /**
   * The least delay before an attempt while the browser says that it is offline, in milliseconds. It is only a hint, so
   * attempts go on. When the browser says that it is online, the next is made within `backoffBaseMs`.
   * @default 5_000
   */
  readonly offlineRetryMs?: number | undefined;
  /**
   * The most that a `Retry-After` can make the next attempt wait, in milliseconds.
   * @default 300_000
   */
  readonly retryAfterCapMs?: number | undefined;
  /**
   * How many attempts in a row may fail without an open connection. Then the client closes, with the last failure as its
   * reason. Set it, to 1 or more, for a program that shall end rather than wait.
   * @default Infinity
   */
  readonly maxAttempts?: number | undefined;
  /**
   * How long a connection must last for the delays to begin anew, in milliseconds. A gateway that accepts and drops at once
   * is not stormed then.
   * @default 60_000
   */
  readonly stableMs?: number | undefined;
  /**
   * How long a connection may take to be ready, its token included, in milliseconds. Then the attempt has failed.
   * @default 10_000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long before its token expires another connection takes over, in milliseconds. Up to half as much is added at
   * random. Nothing is missed meanwhile.
   * @default 30_000
   */
  readonly renewBeforeMs?: number | undefined;
  /**
   * How long the connection may be silent before the client asks for a sign of life, in milliseconds. It asks with a
   * message of 22 bytes that the bridge answers at once, and not with an upgrade. When nothing comes for `ackTimeoutMs`, or
   * as long again if that is less, another connection is opened. The client does not ask while the tab is hidden, unless it
   * expects an answer.
   *
   * Keep the sum well under 90 seconds. A bridge notices a dead client by its pings, after 30 seconds or more, and keeps its
   * frames for 60 seconds more. These are its defaults. With a longer sum there is a gap where there was no need for one.
   * Infinity never asks.
   * @default 45_000
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * How long a command may wait for its acknowledgement before the peer is taken for dead, in milliseconds. A longer time
   * than `idleTimeoutMs` has no effect.
   * @default 10_000
   */
  readonly ackTimeoutMs?: number | undefined;
  /**
   * Time and timers. Pass another in tests.
   * @default the system's
   */
  readonly clock?: Clock | undefined;
  /**
   * Randomness in [0, 1) for delays. Pass another in tests.
   * @default Math.random
   */
  readonly random?: (() => number) | undefined;
  /**
   * Network and visibility: whether the client is online, and whether anybody sees it. Pass one where another runtime than
   * a browser knows it.
   * @default the page's; always online and visible where there is none
   */
  readonly surroundings?: Surroundings | undefined;
}

/** Every option is there, and none is undefined. */
export type Whole<Options> = {
  readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined>;
};

/** Options with nothing left open. */
export type Settings = Whole<
  Omit<ClientOptions, 'url' | 'path' | 'fetch' | 'session' | 'resume' | 'storage'>
> & {
  readonly storage: PointStorage | undefined;
  readonly resume: ClientOptions['resume'];
  readonly session: string | undefined;
  readonly fetch: Fetch | undefined;
  readonly url: URL;
  /** For durations. `clock.now` is for moments that others named. */
  readonly monotonicNow: () => number;
};

const DEFAULTS = {
  bearerPrefix: 'bearer.',
  backoffBaseMs: 1_000,
  backoffCapMs: 30_000,
  offlineRetryMs: 5_000,
  retryAfterCapMs: 300_000,
  maxAttempts: Infinity,
  stableMs: 60_000,
  connectTimeoutMs: 10_000,
  renewBeforeMs: 30_000,
  idleTimeoutMs: 45_000,
  ackTimeoutMs: 10_000,
  clock: SYSTEM_CLOCK,
  random: Math.random,
} as const;

/**
 * Fills in the defaults; an option that is undefined has its default.
 * @param added further options, with their defaults
 * @throws TypeError when an option is missing, unknown or none, or when there is no WebSocket
 */
export function settingsOf(options: ClientOptions, added?: Named): Settings {
  const globals = globalThis as Globals & {
    readonly WebSocket?: WebSocketConstructor;
    readonly fetch?: Fetch;
  };
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as Partial<Whole<ClientOptions>> & Pick<ClientOptions, 'url' | 'token'>;
  const defaults = { ...DEFAULTS, ...added };
  const unset = {
    url: '',
    path: '',
    token: undefined,
    WebSocket: globals.WebSocket,
    fetch: globals.fetch,
    session: undefined,
    resume: undefined,
    storage: undefined,
    surroundings: surroundingsOf(globals),
    ...defaults,
  };
  // Without types a misspelt one, or one of chats, would be ignored without a word.
  for (const name in given)
    if (!(name in unset)) throw new TypeError(`${name}: unknown option (those of chats are connectChat's)`);
  const settings = { ...unset, ...given };
  const { WebSocket, clock } = settings;
  const token: unknown = settings.token;
  if (!WebSocket) throw new TypeError('no WebSocket: pass one');
  if (typeof token !== 'function') {
    throw new TypeError(`token: expected a function, got ${described(token)}`);
  }
  checkNumbers(settings, defaults);
  checkStream(settings);
  return {
    ...settings,
    WebSocket,
    url: new URL(options.path ?? '', options.url),
    monotonicNow: () => monotonicNow(clock),
  };
}

type Named = Readonly<Record<string, unknown>>;

/** Those with a least of 1: with 0 for a timeout, a client opens one connection after the other. Infinity is for none. */
const AT_LEAST_ONE = /^max|TimeoutMs$/;

/** A storage without a session gives null, which would name one that all users ask for. */
function checkStream({ session, resume }: Named): void {
  if (session !== undefined && !(typeof session === 'string' && /^[\w-]{1,128}$/.test(session))) {
    throw new TypeError(
      `session: expected 1 to 128 characters of A-Z a-z 0-9 _ -, got ${described(session)}`,
    );
  }
  if (resume !== undefined && resume !== 'oldest') {
    throw new TypeError(`resume: expected oldest, got ${described(resume)}`);
  }
}

function checkNumbers(settings: Named, defaults: Named): void {
  for (const [name, normal] of Object.entries(defaults)) {
    if (typeof normal !== 'number') continue;
    const value = settings[name];
    const least = AT_LEAST_ONE.test(name) ? 1 : 0;
    if (typeof value === 'number' && value >= least) continue;
    throw new TypeError(`${name}: expected a number of ${least} or more, got ${String(value)}`);
  }
}
