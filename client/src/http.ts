import { EventStreamSocket } from './event-stream-socket.ts';
import type { StreamFetch } from './posted-messages.ts';
import { surroundingsOf, type Globals } from './surroundings.ts';
import { TransportChoice } from './transport-choice.ts';
import { TransportTrial } from './transport-trial.ts';
import { Unposted } from './unposted.ts';
import type { PointStorage } from './stored-point.ts';
import type { WebSocketConstructor, WebSocketLike } from './web-socket.ts';

/** How the client goes on where WebSockets are blocked. */
export interface HttpFallbackOptions {
  /** @default globalThis.WebSocket */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /** @default globalThis.fetch */
  readonly fetch?: StreamFetch | undefined;
  /** As the client's option of this name. @default 'bearer.' */
  readonly bearerPrefix?: string | undefined;
  /** Where it is kept which way works: pass `sessionStorage`. @default nothing is kept */
  readonly storage?: PointStorage | undefined;
  /** After how many milliseconds on streams a WebSocket is tried again; twice as long each time, up to an hour. @default 600,000 */
  readonly webSocketAgainMs?: number | undefined;
}

const OPTIONS: Readonly<Record<keyof HttpFallbackOptions, true>> = {
  WebSocket: true,
  fetch: true,
  bearerPrefix: true,
  storage: true,
  webSocketAgainMs: true,
};

/** RFC 6455 §7.4.1, "Service Restart": the client comes back with its point. */
const COME_BACK = 1012;

/**
 * A constructor of sockets for the client's option `WebSocket`. It gives WebSockets. After two of them that came to nothing it gives event
 * streams with the same frames (PROTOCOL.md §11), which pass every proxy that HTTP passes. After a while it tries a WebSocket again. The
 * client's resume point goes over, either way. Its messages are posted, one after the other.
 * @throws TypeError at an option that is none or unknown
 * @example
 * connect({ url, path, token, WebSocket: httpFallback({ storage: sessionStorage }) });
 */
export function httpFallback(options: HttpFallbackOptions = {}): WebSocketConstructor {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && !(name in OPTIONS)) throw new TypeError(`${name}: unknown option`);
  const { bearerPrefix = 'bearer.', webSocketAgainMs = 600_000, storage } = options;
  if (!(typeof webSocketAgainMs === 'number' && webSocketAgainMs > 0))
    throw new TypeError(`webSocketAgainMs: expected a number above 0, got ${String(webSocketAgainMs)}`);
  const globals = globalThis as Globals & { readonly WebSocket?: WebSocketConstructor };
  const WebSocket = options.WebSocket ?? globals.WebSocket;
  const fetch = options.fetch ?? globalThis.fetch;
  const monotonicNow = (): number => performance.now();
  const surroundings = surroundingsOf(globals);
  const online = (): boolean => surroundings.online;
  const choice = new TransportChoice({ webSocketAgainMs, now: () => Date.now(), storage, online });
  const unposted = new Unposted();
  const webSocket = (url: string, protocols: string[], Constructor: WebSocketConstructor): WebSocketLike => {
    const trial = new TransportTrial(monotonicNow, (works) => {
      if (works) choice.webSocketWorked();
      else choice.failed('websocket');
    });
    return watched(new Constructor(url, protocols), trial);
  };
  const stream = (url: string, protocols: string[]): WebSocketLike => {
    let end: ReturnType<typeof setTimeout> | undefined;
    const trial = new TransportTrial(monotonicNow, (works) => {
      if (!works) choice.failed('http');
      else
        end = setTimeout(() => {
          void socket.giveWay(COME_BACK, 'a WebSocket is tried again');
        }, choice.streamWorked());
    });
    const over = (): void => {
      clearTimeout(end);
    };
    const settings = { fetch, bearerPrefix, monotonicNow, unposted, trial, over };
    const socket: EventStreamSocket = new EventStreamSocket(url, protocols, settings);
    return socket;
  };
  // A constructor that returns an object gives that one.
  return function Socket(url: string, protocols: string[]) {
    if (WebSocket && choice.next === 'websocket') return webSocket(url, protocols, WebSocket);
    return stream(url, protocols);
  } as unknown as WebSocketConstructor;
}

/** A socket as far as it tells what becomes of it, without the handlers that belong to the client. */
interface TellingSocket {
  addEventListener(type: 'message' | 'close', listener: (event: { readonly code?: number }) => void): void;
  /** Only that of `ws`. */
  on?(
    type: 'unexpected-response',
    listener: (request: unknown, answer: { readonly statusCode?: number }) => void,
  ): void;
  close(code?: number): void;
}

/** RFC 9110 §15.5.22: somebody on the way took the upgrade out of the request. */
const UPGRADE_REQUIRED = 426;

/** RFC 6455 §7.4.2: from here on codes are the application's own. Nobody on the way closes with them. */
const OF_THE_BRIDGE = 4_000;

/** Another answer to the handshake than 101 or 426 is no failure of the way. Nor is a close frame of the bridge's, which came through. */
function watched(socket: WebSocketLike, trial: TransportTrial): WebSocketLike {
  const telling = socket as unknown as TellingSocket;
  telling.addEventListener('message', () => {
    trial.worked();
  });
  telling.addEventListener('close', ({ code = 0 }) => {
    if (code >= OF_THE_BRIDGE) trial.excuse();
    else trial.ended();
  });
  telling.on?.('unexpected-response', (_, { statusCode }) => {
    if (statusCode === UPGRADE_REQUIRED) trial.ended();
    else trial.excuse();
  });
  const close = telling.close.bind(socket);
  telling.close = (code) => {
    trial.dropped();
    close(code);
  };
  return socket;
}
