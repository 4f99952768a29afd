import { asksForEventStream } from '../../protocol/accept';
import { CONSUMER_HEADERS, looseName } from '../../protocol/header-names';
import type { GatekeeperConfig } from '../config/config';
import { HeaderSelection } from './header-selection';

/**
 * The parts of the request that the decision looks at. A part that no rule of the configuration needs is not asked of
 * Kong and undefined here.
 */
export interface UpgradeRequest {
  /** Names in lower case, repeated ones in order. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Known where {@link methodMatters}. */
  readonly method?: string | undefined;
  /** The path without the query, in its one spelling (protocol/path.ts). */
  readonly path?: string | undefined;
  /** The query without its `?`. */
  readonly rawQuery?: string | undefined;
  /** The request target as the client sent it; known where the query may carry a token. */
  readonly target?: string | undefined;
  /** The client's address, behind the proxies that Kong trusts. */
  readonly ip?: string | undefined;
  /** The id of Kong's route. */
  readonly routeId?: string | undefined;
  /** Whether a plugin of Kong's has authenticated a consumer before; known where {@link consumerMatters}. */
  readonly hasConsumer?: boolean | undefined;
}

/** An upgrade of which is known where Kong sends it. */
export interface RoutedUpgrade extends UpgradeRequest {
  /**
   * The path that Kong calls on the upstream, in its one spelling. It is another than {@link path} where a route strips
   * or the service has a path of its own.
   */
  readonly upstreamPath: string;
}

/** The one value of a header, or undefined when it is absent or repeated. */
export function singleHeader(request: UpgradeRequest, name: string): string | undefined {
  const values = request.headers[name.toLowerCase()];
  return values?.length === 1 ? values[0] : undefined;
}

/**
 * Whether this asks to become a WebSocket, as Kong judges it (kong/runloop/handler.lua, `access`). Kong reads the first line of `Upgrade`.
 * It passes on no upgrade whose line names another protocol besides: its upstream gets a plain request.
 */
export function isWebSocketUpgrade(request: UpgradeRequest): boolean {
  return request.headers['upgrade']?.[0]?.toLowerCase() === 'websocket';
}

/** The purpose of a request: a WebSocket or an event stream, each of which is a connection, a message in place of a socket's, or none of these. */
export type Purpose = 'upgrade' | 'stream' | 'message' | 'none';

/** The purpose of a request on a route with such a configuration. */
export function purposeOf(request: UpgradeRequest, { httpStreaming }: GatekeeperConfig): Purpose {
  if (isWebSocketUpgrade(request)) return 'upgrade';
  if (!httpStreaming) return 'none';
  if (request.method === 'POST') return 'message';
  return request.method === 'GET' && asksForStream(request) ? 'stream' : 'none';
}

/** Whether the method decides what a request is for: it may be a message or ask for a stream, and is no upgrade. */
export function methodMatters(request: UpgradeRequest, { httpStreaming }: GatekeeperConfig): boolean {
  if (!httpStreaming || isWebSocketUpgrade(request)) return false;
  return request.headers['content-type'] !== undefined || asksForStream(request);
}

function asksForStream({ headers }: UpgradeRequest): boolean {
  return asksForEventStream(headers['accept'] ?? []);
}

/** The headers that a decision by this configuration looks at; of the others nothing need be known. */
export function lookedAtHeaders(config: GatekeeperConfig): HeaderSelection {
  const { tokenLocations, headerNames, callerHeaders } = config;
  const names = [
    ...['upgrade', 'origin', 'cookie', 'sec-websocket-protocol', 'traceparent', 'accept', 'content-type'],
    'sec-fetch-site',
    ...tokenLocations.headerNames,
    headerNames.requestId.toLowerCase(),
  ];
  return new HeaderSelection(names, callerHeaders);
}

const CONSUMER_NAMES: ReadonlySet<string> = new Set(CONSUMER_HEADERS.map((name) => name.toLowerCase()));

/**
 * Whether headers that tell of a consumer are the client's own depends on what Kong knows: where it has authenticated one, its
 * plugin has set or cleared each of them (kong/plugins/key-auth/handler.lua, `set_consumer`).
 */
export function consumerMatters({ headers }: UpgradeRequest, { consumer }: GatekeeperConfig): boolean {
  return consumer === undefined && Object.keys(headers).some((name) => CONSUMER_NAMES.has(name));
}

/** The headers of a request by which its client tells the upstream who calls, in lower case. */
export function claimedHeaders(
  { headers, hasConsumer = false }: UpgradeRequest,
  { callerHeaders }: GatekeeperConfig,
): readonly string[] {
  const isKongs = (name: string): boolean => hasConsumer && CONSUMER_NAMES.has(name);
  return Object.keys(headers).filter((name) => callerHeaders.has(looseName(name)) && !isKongs(name));
}
