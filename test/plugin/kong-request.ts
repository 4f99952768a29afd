import type { AuthenticatedConsumer, Consumer } from '../../plugin/consumer/consumer';
import type { Kong, SharedValue } from '../../plugin/kong';
import type { PluginInstance } from '../../plugin/server/instances';

/** Kong's own id of every request here. */
export const KONG_REQUEST_ID = '0123456789abcdef0123456789abcdef';

/** One request as Kong has it. */
export interface KongRequest {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string[]>>;
  readonly path?: string;
  /** Kong's `$upstream_uri`: the path by default, as without `strip_path` and a path of the service. */
  readonly upstreamUri?: string;
  readonly rawQuery?: string;
  readonly ip?: string;
  /** 1.1 by default. */
  readonly httpVersion?: number;
  /** Kong's, by the text that they are asked for with. */
  readonly consumers?: Readonly<Record<string, Consumer>>;
  /** The one that a plugin has authenticated before. */
  readonly consumer?: Consumer | undefined;
}

/** A gatekeeper's instructions to Kong. */
export interface Told {
  /** Undefined when the request goes on. */
  readonly status: number | undefined;
  readonly body: string | undefined;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly upstreamHeaders: Readonly<Record<string, string>>;
  readonly clearedHeaders: readonly string[];
  /** `kong.ctx.shared`. */
  readonly shared: Readonly<Record<string, SharedValue>>;
  /** The values that log plugins write, by their place in the entry. */
  readonly logged: Readonly<Record<string, SharedValue>>;
  readonly authenticated: AuthenticatedConsumer | undefined;
}

/** Has a gatekeeper decide one request. */
export async function tellOf(gatekeeper: PluginInstance, request: KongRequest): Promise<Told> {
  const { kong, told } = kongOf(request);
  await gatekeeper.access(kong);
  return told;
}

/** Kong in the middle of one request, and what it is told. */
export function kongOf(request: KongRequest): { readonly kong: Kong; readonly told: Told } {
  const { headers, path = '/ws/notifications', rawQuery = '', ip = '192.0.2.1', httpVersion = 1.1 } = request;
  const upstreamUri = 'upstreamUri' in request ? request.upstreamUri : path;
  const shared: Record<string, SharedValue> = {};
  const logged: Record<string, SharedValue> = {};
  const clearedHeaders: string[] = [];
  const told: { -readonly [name in keyof Told]: Told[name] } = {
    status: undefined,
    body: undefined,
    responseHeaders: {},
    upstreamHeaders: {},
    authenticated: undefined,
    ...{ shared, logged, clearedHeaders },
  };
  const variables: Record<string, string | undefined> = {
    upstream_uri: upstreamUri,
    kong_request_id: KONG_REQUEST_ID,
  };
  const kong: Kong = {
    request: {
      getHeaders: () => Promise.resolve(headers),
      getMethod: () => Promise.resolve(request.method ?? 'GET'),
      getPath: () => Promise.resolve(path),
      getRawQuery: () => Promise.resolve(rawQuery),
      getPathWithQuery: () => Promise.resolve(rawQuery === '' ? path : `${path}?${rawQuery}`),
      getHttpVersion: () => Promise.resolve(httpVersion),
    },
    client: {
      getForwardedIp: () => Promise.resolve(ip),
      getConsumer: () => Promise.resolve(request.consumer),
      loadConsumer: (wanted) => Promise.resolve(request.consumers?.[wanted]),
      authenticate(consumer, credential) {
        told.authenticated = { consumer, credential };
        return Promise.resolve();
      },
    },
    ctx: {
      shared: {
        set(key, value) {
          shared[key] = value;
          return Promise.resolve();
        },
      },
    },
    nginx: { getVar: (name) => Promise.resolve(variables[name] ?? '') },
    router: { getRoute: () => Promise.resolve({ id: 'a route' }) },
    log: {
      setSerializeValue(key, value) {
        logged[key] = value;
        return Promise.resolve();
      },
    },
    service: {
      request: {
        setHeaders(set) {
          told.upstreamHeaders = set;
          return Promise.resolve();
        },
        clearHeader(name) {
          clearedHeaders.push(name);
          return Promise.resolve();
        },
        setRawQuery: () => Promise.resolve(),
      },
    },
    response: {
      setHeaders(set) {
        told.responseHeaders = set;
        return Promise.resolve();
      },
      exit(status, body, set) {
        Object.assign(told, { status, body, responseHeaders: set });
        return Promise.resolve();
      },
    },
  };
  return { kong, told };
}
