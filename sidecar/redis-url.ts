/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Who the bridge is to Redis. */
export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** What a Redis URL says. */
export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string; readonly tls: boolean }
  | (Credentials & {
      readonly kind: 'sentinel';
      readonly tls: boolean;
      /** The sentinels. */
      readonly nodes: readonly Address[];
      /** The master's name. */
      readonly name: string;
      readonly database: number;
    })
  | (Credentials & {
      readonly kind: 'cluster';
      readonly tls: boolean;
      /** Some of the cluster's nodes, to find the others. */
      readonly nodes: readonly Address[];
    });

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
  const [, scheme, kind, userInfo, hosts = '', path = ''] = MANY.exec(text) ?? [];
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

function parseSingle(text: string): RedisTarget | undefined {
  const protocol = URL.parse(text)?.protocol;
  if (protocol !== 'redis:' && protocol !== 'rediss:') return undefined;
  return { kind: 'single', url: text, tls: protocol === 'rediss:' };
}

function parseHost(text: string, defaultPort: number): Address | undefined {
  const [, host, port] = HOST.exec(text) ?? [];
  if (host === undefined) return undefined;
  const number = port === undefined ? defaultPort : Number(port);
  if (number < 1 || number > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: number };
}

function parseCredentials(userInfo: string | undefined): Credentials | undefined {
  if (userInfo === undefined || userInfo === '') return { username: undefined, password: undefined };
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
