import type { Consumer, Credential } from './consumer/consumer';
import type { CountedHeaders, HeaderLists, HeaderSelection } from './request/header-selection';

/**
 * Header values as the PDK gives them. Over ProtoBuf a repeated header is a list and a single one a string. Over
 * MsgPack every value is a list.
 */
export type PdkHeaders = Readonly<Record<string, string | readonly string[]>>;

/** The route that Kong matched, as far as it is used here. */
export interface MatchedRoute {
  readonly id: string;
  readonly name?: string | null | undefined;
  readonly service?: { readonly id: string } | null | undefined;
}

/** A value that Kong keeps for other plugins. */
export type SharedValue = string | readonly string[] | Readonly<Record<string, string>>;

/** The few calls of Kong's PDK that the gatekeeper makes, in kong-pdk's spelling; its own types pass no strict check. */
export interface Kong {
  readonly request: {
    /** Request headers, names in lower case. `max`: 1 to 1000, Kong's default is 100. */
    getHeaders(max?: number): Promise<PdkHeaders>;
    /** The same, of which only the selected ones are made into text. Only ws-gatekeeper's own server has it. */
    getSelectedHeaders?(selection: HeaderSelection, max: number): Promise<CountedHeaders>;
    /** The path without the query, as Kong routes by it (kong/tools/uri.lua, normalize). */
    getPath(): Promise<string>;
    /** The query without its `?`; empty when there is none. */
    getRawQuery(): Promise<string>;
    /** The request target as the client sent it. */
    getPathWithQuery(): Promise<string>;
    /** In upper case, as GET. */
    getMethod(): Promise<string>;
    /** 1, 1.1, 2 or 3. */
    getHttpVersion(): Promise<number>;
  };
  readonly client: {
    /** The client's address behind the proxies of Kong's `trusted_ips`. */
    getForwardedIp(): Promise<string>;
    /** The consumer with this id or, when asked so, this username; nothing where there is none. */
    loadConsumer(idOrUsername: string, byUsername: boolean): Promise<Consumer | null | undefined>;
    /** The consumer that a plugin before this one has authenticated; nothing where there is none. */
    getConsumer(): Promise<Consumer | null | undefined>;
    /** Whom Kong's other plugins take for the caller from now on. */
    authenticate(consumer: Consumer, credential: Credential | undefined): Promise<void>;
  };
  readonly ctx: {
    readonly shared: {
      /** Keeps a value of this request for the plugins that come after. */
      set(key: string, value: SharedValue): Promise<void>;
    };
  };
  readonly nginx: {
    /**
     * One of nginx's variables; empty, or nothing at all over MsgPack, where there is none of that name. `upstream_uri` is the path that
     * Kong will call: plugins run before Kong adds the query to it.
     */
    getVar(name: string): Promise<string | null | undefined>;
  };
  readonly router: {
    getRoute(): Promise<MatchedRoute>;
  };
  readonly log: {
    /** The value that Kong's log plugins write at this place of their entry (`request.uri`). */
    setSerializeValue(key: string, value: SharedValue): Promise<void>;
  };
  readonly service: {
    readonly request: {
      setHeaders(headers: Readonly<Record<string, string>>): Promise<void>;
      clearHeader(name: string): Promise<void>;
      /** Sets headers and clears others, in one call. Only ws-gatekeeper's own server has it. */
      changeHeaders?(set: Readonly<Record<string, string>>, clear: readonly string[]): Promise<void>;
      setRawQuery(rawQuery: string): Promise<void>;
    };
  };
  readonly response: {
    setHeaders(headers: Readonly<Record<string, string>>): Promise<void>;
    /** Ends the request; the caller must return after it. */
    exit(status: number, body: string, headers: Readonly<Record<string, string>>): Promise<void>;
  };
}

/** The most header lines that Kong's PDK hands out (kong/pdk/request.lua). */
export const MAX_HEADERS = 1000;

/** Among so many header lines, the first, Kong itself looks for `Upgrade` (kong/tools/http.lua, `get_header`; `lua_max_req_headers`). */
export const UPGRADE_LOOKED_FOR_IN = 100;

/** The headers as lists, whichever way they came. */
export function headerLists(given: PdkHeaders): CountedHeaders {
  const headers = Object.create(null) as HeaderLists;
  let lines = 0;
  for (const [name, value] of Object.entries(given)) {
    const values = typeof value === 'string' ? [value] : value;
    headers[name.toLowerCase()] = values;
    lines += values.length;
  }
  return { headers, lines };
}
