import type { TokenFrame } from '../../protocol/frames.ts';
import { monotonicNow, SYSTEM_CLOCK, type Clock } from './clock.ts';
import { isFrame, type AnyObject } from './parse-frame.ts';
import { surroundingsOf, type Globals, type Surroundings } from './surroundings.ts';
import { described } from './token.ts';
import type { WebSocketConstructor } from './web-socket.ts';

/** How a client connects and behaves. */
export interface ClientOptions {
  /** Where the gateway is, `wss://gateway.example`, with or without the path and query of the route. */
  readonly url: string | URL;
  /** The route, resolved against `url`: `/ws/ai/chat?session=s1`. Default: what `url` says. */
  readonly path?: string;
  /**
   * Asked for each connection. When it throws, rejects or gives no token (undefined, null, an empty text, or one with
   * characters that no JWT has), no socket is opened: it counts as a failed attempt, is told by an `error` event, and is
   * tried again.
   */
  readonly token: () => string | Promise<string>;
  /** Where a socket's constructor comes from when there is no global one, as in Node 20. Default: `globalThis.WebSocket`. */
  readonly WebSocket?: WebSocketConstructor;
  /** What stands before the token among the subprotocols, as the gateway has it. Default: `bearer.` */
  readonly bearerPrefix?: string;
  /** The longest delay before the first reconnect, in milliseconds; each further one doubles it. Default: 1,000. */
  readonly backoffBaseMs?: number;
  /** The longest delay of all, in milliseconds. Default: 30,000. */
  readonly backoffCapMs?: number;
  /**
   * The least delay before an attempt while the browser says that it is offline, in milliseconds. It is only a hint, so
   * attempts go on; when the browser says that it is online, the next is made at once. Default: 5,000.
   */
  readonly offlineRetryMs?: number;
  /**
   * The most that a `Retry-After` can make the next attempt wait, in milliseconds. Default: 300,000. Only the WebSocket of
   * `ws` tells what a refused handshake asks for.
   */
  readonly retryAfterCapMs?: number;
  /**
   * After so many failed attempts in a row without an open connection the client closes, with the last failure as its
   * reason. 1 or more. Default: Infinity.
   */
  readonly maxAttempts?: number;
  /** How long a connection must last for the delays to begin anew, in milliseconds. Default: 60,000. */
  readonly stableMs?: number;
  /** How long a connection may take to be ready, its token included, in milliseconds. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * How long before its token expires a connection is replaced by another, in milliseconds; up to half as much is added
   * at random. Default: 30,000.
   */
  readonly renewBeforeMs?: number;
  /**
   * How long nothing may arrive before the peer is asked for a sign of life, in milliseconds: a message of 22 bytes that
   * the bridge answers at once, and no upgrade. When nothing comes for `ackTimeoutMs`, or as long again if that is
   * less, another connection is opened. Not asked while the tab is hidden, unless an answer is expected. The sum should be well under what the bridge
   * needs to notice by its pings and then keeps frames for, 90 seconds by default: else there is a gap where there was no
   * need for one. Infinity for never. Default: 45,000.
   */
  readonly idleTimeoutMs?: number;
  /**
   * How long a command may wait for its acknowledgement before the peer is taken for dead, in milliseconds; no longer than
   * `idleTimeoutMs`.
   * Default: 10,000.
   */
  readonly ackTimeoutMs?: number;
  /**
   * How long nothing of an answer may come before it is taken for over, in milliseconds. What comes of it later would be
   * taken for a part of the next. Default: 60,000.
   */
  readonly answerTimeoutMs?: number;
  /**
   * Whether a frame of the chat, any JSON object, is the last of its answer. An `error` frame always is. Default: a `complete` frame.
   */
  readonly isEnd?: (frame: AnyObject) => boolean;
  /** The token that a frame of the chat, any JSON object, brings; undefined for none. Default: the `data.token` of a `token` frame. */
  readonly tokenOf?: (frame: AnyObject) => string | undefined;
  /** How many commands may wait for the connection or for their acknowledgement. Default: 100. */
  readonly maxPendingCommands?: number;
  /**
   * How long after it was first sent a command may be sent again, in milliseconds; then it is rejected with
   * `UNCONFIRMED`. Must be less than the bridge remembers its id for (`BRIDGE_COMMAND_ID_TTL_MS`, an hour), or it may be
   * run twice. So may one that is sent again after more than `BRIDGE_MAX_COMMAND_IDS` (1,000) others of its session. Default: 3,000,000.
   */
  readonly commandTtlMs?: number;
  /** Time and timers. Default: the system's. */
  readonly clock?: Clock;
  /** Randomness in [0, 1) for delays. Default: `Math.random`. */
  readonly random?: () => number;
  /** A new command id on each call, unique in its session. Default: 128 random bits. */
  readonly newId?: () => string;
  /** Network and visibility. Default: the page's; always online and visible where there is none. */
  readonly surroundings?: Surroundings;
}

/** Options with nothing left open. */
export type Settings = Required<Omit<ClientOptions, 'url' | 'path'>> & {
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
  answerTimeoutMs: 60_000,
  maxPendingCommands: 100,
  commandTtlMs: 3_000_000,
  isEnd: (frame: AnyObject) => frame.type === 'complete' && isFrame(frame),
  tokenOf: (frame: AnyObject) =>
    frame.type === 'token' ? (frame.data as TokenFrame['data'] | undefined)?.token : undefined,
  clock: SYSTEM_CLOCK,
  random: Math.random,
  newId: randomId,
} as const;

/**
 * Fills in the defaults; an option that is undefined has its default.
 * @throws TypeError when an option is missing or none, or when there is no WebSocket
 */
export function settingsOf(options: ClientOptions): Settings {
  const globals = globalThis as Globals & { readonly WebSocket?: WebSocketConstructor };
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as ClientOptions;
  const settings = {
    WebSocket: globals.WebSocket,
    surroundings: surroundingsOf(globals),
    ...DEFAULTS,
    ...given,
  };
  const { WebSocket, clock } = settings;
  const token: unknown = settings.token;
  if (!WebSocket) throw new TypeError('no WebSocket: pass one');
  if (typeof token !== 'function') {
    throw new TypeError(`token: expected a function, got ${described(token)}`);
  }
  checkNumbers(settings);
  return {
    ...settings,
    WebSocket,
    url: new URL(options.path ?? '', options.url),
    monotonicNow: () => monotonicNow(clock),
  };
}

function checkNumbers(settings: Readonly<Record<string, unknown>>): void {
  for (const [name, normal] of Object.entries(DEFAULTS)) {
    if (typeof normal !== 'number') continue;
    const value = settings[name];
    const least = name === 'maxAttempts' ? 1 : 0;
    if (typeof value === 'number' && value >= least) continue;
    throw new TypeError(`${name}: expected a number of ${least} or more, got ${String(value)}`);
  }
}

function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join('');
}
