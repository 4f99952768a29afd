import type { Consumer, Route, Service } from '../declarative/entities';
import type { HeaderList } from '../lib/header-list';
import type { LuaTable, LuaValue } from '../lib/lua';

/** One client request while it is inside the gateway: what nginx's variables and `ngx.ctx` hold. */
export interface GatewayRequest {
  readonly method: string;
  /** The request target as it came, `$request_uri`. */
  readonly target: string;
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  /** The headers as they came. */
  readonly clientHeaders: HeaderList;
  /** `$remote_addr`. */
  readonly clientAddress: string;
  readonly clientPort: number;
  /** `$server_port`, the port that the gateway listens on. */
  readonly serverPort: number;
  /** `$host`: the Host header's name without port, in lower case. */
  readonly host: string;
  /** `$kong_request_id`, 32 hex digits: `X-Kong-Request-Id` and `request_id` in error bodies. */
  readonly kongRequestId: string;
  /** `$request_id`, 32 hex digits. */
  readonly nginxRequestId: string;
  readonly route: Route;
  /** Undefined for a route without a service, which ends in 503 after the plugins. */
  readonly service: Service | undefined;
  /** `kong.db.consumers`. */
  readonly consumers: readonly Consumer[];
  /** `kong.ctx.shared`. */
  readonly shared: Map<string, LuaValue>;
  /** `ngx.ctx.serialize_values`: what Kong's log plugins write in place of what they would. */
  readonly serializeValues: Map<string, LuaValue>;
  /** Aborted when the client's socket is gone. */
  readonly clientGone: AbortSignal;

  /** `ngx.ctx.authenticated_consumer`. */
  consumer: LuaTable | undefined;
  /** `ngx.ctx.authenticated_credential`. */
  credential: LuaTable | undefined;
  /** The headers that go upstream, changed by plugins. */
  readonly headers: HeaderList;
  /** `$upstream_uri`, without the query. */
  upstreamPath: string;
  /** `$args`: the query that goes upstream. */
  query: string;
  /** `$upstream_host`, when the route preserves the host or a plugin set it. */
  upstreamHost: string | undefined;
  /** Headers for the answer, set by plugins with `kong.response`. */
  readonly responseHeaders: HeaderList;
}
