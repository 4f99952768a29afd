/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Who somebody is to Redis. */
export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** A Redis URL, read: a library is told no more of it, so that none reads more into it. */
export type RedisTarget = Credentials & {
  readonly tls: boolean;
  /** The server, the sentinels, or some of the cluster's nodes, to find the others. */
  readonly nodes: readonly Address[];
} & (
    | {
        readonly kind: 'single';
        readonly database: number;
      }
    | {
        readonly kind: 'sentinel';
        /** The master's name. */
        readonly name: string;
        readonly database: number;
      }
    | { readonly kind: 'cluster' }
  );

/** The forms of a Redis URL, for messages. */
export const REDIS_URL_FORMS =
  'redis://, redis+sentinel://host:port,…/master-name or redis+cluster://host:port,…, with rediss for TLS';

const MANY = /^(rediss?)\+(sentinel|cluster):\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/;
const HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const SENTINEL_PORT = 26_379;
const REDIS_PORT = 6379;

/**
 * Parses `redis://[user:password@]host[:port][/database]`,
 * `redis+sentinel://[user:password@]host[:port][,host…]/master-name[/database]` and
 * `redis+cluster://[user:password@]host[:port][,host…]`; with `rediss` instead of `redis` every connection is TLS.
 * @returns undefined for anything else
 */
export function parseRedisUrl(text: string): RedisTarget | undefined {
  const [, scheme, kind, userInfo = '', hosts = '', path = ''] = MANY.exec(text) ?? [];
  if (scheme === undefined) return parseSingle(text);
  const tls = scheme === 'rediss';
  const nodes = hosts
    .split(',')
    .map((host) => parseHost(host, kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT));
  const credentials = parseCredentials(userInfo);
  if (credentials === undefined || !nodes.every((node) => node !== undefined)) return undefined;
  if (kind === 'cluster') return path === '' ? { kind, tls, nodes, ...credentials } : undefined;
  const [, name, database = '0'] = /^([A-Za-z0-9._-]+)(?:\/(\d{1,5}))?$/.exec(path) ?? [];
  if (name === undefined) return undefined;
  return { kind: 'sentinel', tls, nodes, name, database: Number(database), ...credentials };
}

/** Why a Redis URL cannot be used, without a part of it that may be secret; undefined when it can. */
export function redisUrlFault(text: string): string | undefined {
  if (parseRedisUrl(text) !== undefined) return undefined;
  const names = unknownParameters(text);
  if (names.length === 0) return `expected ${REDIS_URL_FORMS}`;
  return `expected no query parameters, got ${names.join(', ')}: the database stands in the path, the rest has settings of its own`;
}

/** The names in the query; none when what stands there may be the rest of a password. */
function unknownParameters(text: string): readonly string[] {
  const [, query] = /^rediss?(?:\+\w+)?:\/\/[^?#]*\?([^#]*)$/.exec(text) ?? [];
  if (query === undefined || query.includes('@')) return [];
  const names = [...new URLSearchParams(query).keys()];
  return names.every((name) => /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(name)) ? names : [];
}

/** The parts of it that a terminal or a log may show: no user, no password. */
export function describeTarget(target: RedisTarget): string {
  const nodes = target.nodes.map(addressText).join(', ');
  switch (target.kind) {
    case 'single':
      return nodes;
    case 'sentinel':
      return `master ${target.name} of the sentinels ${nodes}`;
    case 'cluster':
      return `the cluster of ${nodes}`;
  }
}

/** `host:port`. */
export function addressText({ host, port }: Address): string {
  return `${host}:${port}`;
}

function parseSingle(url: string): RedisTarget | undefined {
  // Without the slashes "redis:6379" would be a URL, of no host.
  const parsed = /^rediss?:\/\//.test(url) ? URL.parse(url) : null;
  if (parsed === null || parsed.hostname === '' || parsed.search !== '' || parsed.hash !== '')
    return undefined;
  const path = /^(?:\/(\d{0,5}))?$/.exec(parsed.pathname);
  if (path === null) return undefined;
  const credentials = parseCredentials(userInfoOf(parsed));
  if (credentials === undefined) return undefined;
  const node = {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? REDIS_PORT : Number(parsed.port),
  };
  const tls = parsed.protocol === 'rediss:';
  return { kind: 'single', tls, nodes: [node], database: Number(path[1] ?? 0), ...credentials };
}

function userInfoOf({ username, password }: URL): string {
  return password === '' ? username : `${username}:${password}`;
}

function parseHost(text: string, defaultPort: number): Address | undefined {
  const [, host, port] = HOST.exec(text) ?? [];
  if (host === undefined) return undefined;
  const number = port === undefined ? defaultPort : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: number };
}

function parseCredentials(userInfo: string): Credentials | undefined {
  if (userInfo === '') return { username: undefined, password: undefined };
  try {
    const [username, ...rest] = userInfo.split(':').map(decodeURIComponent);
    const password = rest.join(':');
    // An empty one is none, so that a setting may supply it.
    return {
      username: username === '' ? undefined : username,
      password: password === '' ? undefined : password,
    };
  } catch {
    return undefined;
  }
}
