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

/** What a Redis URL says. */
export type RedisTarget = Credentials & {
  readonly tls: boolean;
  /** The server, the sentinels, or some of the cluster's nodes, to find the others. */
  readonly nodes: readonly Address[];
} & (
    | {
        readonly kind: 'single';
        /** All of it, as ioredis takes it. */
        readonly url: string;
      }
    | {
        readonly kind: 'sentinel';
        /** The master's name. */
        readonly name: string;
        readonly database: number;
      }
    | { readonly kind: 'cluster' }
  );

/** What a Redis URL may look like, for messages. */
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

/** What a terminal or a log may show of it: no user, no password. */
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
  if (parsed === null || parsed.hostname === '' || !/^(?:\/\d{0,5})?$/.test(parsed.pathname))
    return undefined;
  const credentials = parseCredentials(userInfoOf(parsed));
  if (credentials === undefined) return undefined;
  const node = {
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: parsed.port === '' ? REDIS_PORT : Number(parsed.port),
  };
  return { kind: 'single', url, tls: parsed.protocol === 'rediss:', nodes: [node], ...credentials };
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
    const [username, ...password] = userInfo.split(':').map(decodeURIComponent);
    return {
      username: username === '' ? undefined : username,
      password: password.length === 0 ? undefined : password.join(':'),
    };
  } catch {
    return undefined;
  }
}
