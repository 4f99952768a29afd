import type { HeaderNames } from '../../protocol/headers';
import { readTraceContext, type TraceContext } from '../../protocol/trace-context';
import { headerReader, type RequestHeaders } from '../http/headers';
import { splitTarget } from '../http/target';
import type { Transport } from '../metrics/outcomes';

/** A request as Node hands it out; its IncomingMessage is one. */
export interface RawRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion?: string | undefined;
  readonly rawHeaders: RequestHeaders;
}

/** All values of the headers in which the gatekeeper says who the caller is. A header that is absent has none. */
export type CallerHeaders = Readonly<Record<keyof HeaderNames, readonly string[]>>;

/** The wish of a request: to be connected, or to have a message taken. */
export type Purpose = Transport | 'message';

/** A request for a connection, or with a message: each header that the bridge looks at is read once, here. */
export interface UpgradeRequest {
  readonly purpose: Purpose;
  readonly method: string | undefined;
  /** The gateway's, not its client's. */
  readonly httpVersion: string;
  /** Whether the gateway was asked in HTTP/1.0, as its `Via` says. */
  readonly cameInHttp10: boolean;
  readonly path: string;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** How many Host headers it has. */
  readonly hosts: number;
  readonly offersWebSocket: boolean;
  readonly webSocketVersion: string;
  readonly webSocketKey: string;
  /** The subprotocols that the client offers, in its order; undefined when they are malformed. */
  readonly subprotocols: ReadonlySet<string> | undefined;
  /** Where an event stream goes on (HTML, "Server-sent events"); an empty one says nothing. */
  readonly lastEventIds: readonly string[];
  readonly hasContent: boolean;
  /** Whether it has an Origin, as each of a browser's has (RFC 6455 §4.1). */
  readonly hasOrigin: boolean;
  readonly caller: CallerHeaders;
  /** Undefined without one valid `traceparent`. */
  readonly trace: TraceContext | undefined;
  readonly kongRequestId: string | undefined;
}

/** Reads a request. It judges nothing, and never fails. */
export type UpgradeRequestReader = (raw: RawRequest, purpose?: Purpose) => UpgradeRequest;

/** @param names of the headers in which the gatekeeper says who the caller is */
export function upgradeRequestReader(names: HeaderNames): UpgradeRequestReader {
  const readHeaders = headerReader({ ...NAMES, ...names });
  return ({ method, url, httpVersion = '1.1', rawHeaders }, purpose = 'websocket') => {
    const { path, query } = splitTarget(url);
    const values = readHeaders(rawHeaders);
    return {
      purpose,
      method,
      httpVersion,
      cameInHttp10: isHttp10(listed(values.via)),
      path,
      query,
      hosts: values.host.length,
      offersWebSocket: offersWebSocket(values.upgrade),
      webSocketVersion: listed(values.webSocketVersion),
      webSocketKey: listed(values.webSocketKey),
      subprotocols: readSubprotocols(values.subprotocols),
      lastEventIds: values.lastEventIds.filter((id) => id !== ''),
      hasContent: isContent(listed(values.contentLength), values.transferEncoding),
      hasOrigin: values.origin.length > 0,
      caller: {
        tenant: values.tenant,
        user: values.user,
        roles: values.roles,
        requestId: values.requestId,
        assertion: values.assertion,
      },
      // Two that are joined so are no traceparent.
      trace: readTraceContext(listed(values.traceparent), listed(values.tracestate)),
      kongRequestId:
        values.kongRequestId.length === 0
          ? undefined
          : listed(values.kongRequestId).slice(0, MAX_KONG_ID_CHARS),
    };
  };
}

/** Kong's own ids have 32. A client's, where Kong sets none, would fill the log with a line of 16 KiB for each refusal. */
const MAX_KONG_ID_CHARS = 128;

/** The other headers that it reads. */
const NAMES = {
  via: 'Via',
  host: 'Host',
  upgrade: 'Upgrade',
  webSocketVersion: 'Sec-WebSocket-Version',
  webSocketKey: 'Sec-WebSocket-Key',
  subprotocols: 'Sec-WebSocket-Protocol',
  lastEventIds: 'Last-Event-ID',
  contentLength: 'Content-Length',
  transferEncoding: 'Transfer-Encoding',
  origin: 'Origin',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  kongRequestId: 'X-Kong-Request-Id',
} as const;

/** A repeated header as one list (RFC 9110 §5.3). */
function listed(values: readonly string[]): string {
  return values.length < 2 ? (values[0] ?? '') : values.join(', ');
}

/** Whether Upgrade lists `websocket`, beside whatever else (RFC 9110 §7.8). */
function offersWebSocket(upgrade: readonly string[]): boolean {
  return upgrade.some((value) =>
    value.split(',').some((protocol) => protocol.trim().toLowerCase() === 'websocket'),
  );
}

/**
 * Kong asks in HTTP/1.1 whatever it was asked in; its `Via`, the last one, says what that was (RFC 9110 §7.6.3). It writes the number,
 * so that 1.0 is `1` (kong/runloop/handler.lua).
 */
function isHttp10(via: string): boolean {
  const received = via.split(',').at(-1) ?? '';
  return /^\s*(?:HTTP\/)?1(?:\.0)?\s/i.test(received);
}

/** A token (RFC 9110 §5.6.2), alone between two commas: one pass finds it, however much white space there is. */
const OFFER = /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*$/;
const NONE: ReadonlySet<string> = new Set();

/** RFC 6455 §4.1: no subprotocol may be empty, or be there twice. */
function readSubprotocols(values: readonly string[]): ReadonlySet<string> | undefined {
  if (values.length === 0) return NONE;
  const items = listed(values).split(',');
  const offers = new Set(items.flatMap((item) => OFFER.exec(item)?.[1] ?? []));
  return offers.size === items.length ? offers : undefined;
}

function isContent(length: string, transferEncoding: readonly string[]): boolean {
  return !/^0*$/.test(length) || transferEncoding.length > 0;
}
