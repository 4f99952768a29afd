import { readFileSync } from 'node:fs';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import type { RedisIdentity } from '../../redis/options';
import { parseRedisUrl, redisUrlFault, type RedisTarget } from '../../redis/url';

/** Where Redis is, who the bridge is to it, and how long it may take. */
export interface RedisSettings {
  /** As {@link parseRedisUrl} takes it. */
  readonly redisUrl: string;
  /** A command that is not answered by then is rejected. */
  readonly redisTimeoutMs: number;
  /** For a URL that names none. */
  readonly redisUsername?: string | undefined;
  readonly redisPassword?: string | undefined;
  readonly redisSentinelUsername?: string | undefined;
  readonly redisSentinelPassword?: string | undefined;
  /** PEM files. */
  readonly redisTlsCaFile?: string | undefined;
  readonly redisTlsCertFile?: string | undefined;
  readonly redisTlsKeyFile?: string | undefined;
  /** The name to ask for and verify, instead of the host that is connected to. */
  readonly redisTlsServerName?: string | undefined;
}

/** Where a URL of {@link RedisSettings} leads. @throws TypeError for one that cannot be used */
export function redisTarget({ redisUrl }: RedisSettings): RedisTarget {
  const target = parseRedisUrl(redisUrl);
  if (target === undefined) throw new TypeError(redisUrlFault(redisUrl));
  return target;
}

/** Who the bridge is to Redis. @throws Node's error for TLS files that cannot be read or used */
export function identityOf(settings: RedisSettings): RedisIdentity {
  const { tls } = redisTarget(settings);
  return {
    username: settings.redisUsername,
    password: settings.redisPassword,
    sentinelUsername: settings.redisSentinelUsername,
    sentinelPassword: settings.redisSentinelPassword,
    tls: tls ? tlsOptions(settings) : {},
  };
}

/**
 * Each connection reads the files anew, so that a certificate that is replaced in time needs no restart. ioredis hands this
 * object on as it is, and the connectors read its members when they connect.
 */
function tlsOptions(settings: RedisSettings): ConnectionOptions {
  const { redisTlsCaFile, redisTlsCertFile, redisTlsKeyFile, redisTlsServerName } = settings;
  const options: ConnectionOptions =
    redisTlsServerName === undefined ? {} : { servername: redisTlsServerName };
  const files = { ca: redisTlsCaFile, cert: redisTlsCertFile, key: redisTlsKeyFile };
  for (const [name, file] of Object.entries(files)) {
    if (file === undefined) continue;
    Object.defineProperty(options, name, { enumerable: true, get: () => readFileSync(file) });
  }
  // Files that no connection could use are told of at the start.
  createSecureContext({ ...options });
  return options;
}
