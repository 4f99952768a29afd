import { HeaderList, type HeaderLine } from '../lib/header-list';
import { PRODUCT } from '../lib/product';

/** The headers that nginx takes out of an upstream's answer: it frames and closes by its own lights. */
const NOT_RELAYED = new Set(['connection', 'keep-alive', 'transfer-encoding', 'x-pad']);

/** An upstream's answer on its way to the client. */
export interface RelayedHead {
  /** The upstream's header lines. */
  readonly upstream: readonly HeaderLine[];
  /** Headers that plugins set with `kong.response`. */
  readonly plugins: HeaderList;
  /** Whether the request went upstream as a WebSocket upgrade. */
  readonly upgrade: boolean;
  readonly kongRequestId: string;
  /** Milliseconds from the request to the upstream's answer. */
  readonly latencyMs: number;
}

/** The headers that go to the client (kong/runloop/handler.lua `header_filter`, nginx's proxy module). */
export function relayedHeaders({
  upstream,
  plugins,
  upgrade,
  kongRequestId,
  latencyMs,
}: RelayedHead): HeaderList {
  const kept = new HeaderList(upstream.filter(([name]) => isRelayed(name.toLowerCase())));
  for (const named of (new HeaderList(upstream).first('Connection') ?? '').toLowerCase().split(',')) {
    const name = named.trim();
    if (name !== '' && !['close', 'upgrade', 'keep-alive'].includes(name)) kept.clear(name);
  }
  const sentUpgrade = upgrade ? 'websocket' : '';
  if (kept.first('Upgrade')?.toLowerCase() !== sentUpgrade) kept.clear('Upgrade');
  // nginx appends the upstream's lines to those that are there.
  const list = new HeaderList([...plugins.lines, ...kept.lines]);
  const via = list.first('Via');
  list.set('Via', [via === undefined ? `1.1 ${PRODUCT}` : `${via}, 1.1 ${PRODUCT}`]);
  if (list.first('Server') === undefined) list.set('Server', [PRODUCT]);
  list.set('X-Kong-Proxy-Latency', [String(latencyMs)]);
  list.set('X-Kong-Request-Id', [kongRequestId]);
  return list;
}

/** Adds what every answer of the gateway itself carries. */
export function ownHeaders(headers: HeaderList, kongRequestId: string, latencyMs: number): HeaderList {
  const list = headers.copy();
  list.set('Server', [PRODUCT]);
  list.set('X-Kong-Response-Latency', [String(latencyMs)]);
  list.set('X-Kong-Request-Id', [kongRequestId]);
  return list;
}

function isRelayed(name: string): boolean {
  return !NOT_RELAYED.has(name) && !name.startsWith('x-accel-');
}
