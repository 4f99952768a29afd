import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
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

/** Who the bridge is to Redis. @throws Node's error for a TLS file that cannot be read */
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

function tlsOptions(settings: RedisSettings): ConnectionOptions {
  const { redisTlsCaFile, redisTlsCertFile, redisTlsKeyFile, redisTlsServerName } = settings;
  return {
    ...(redisTlsCaFile !== undefined && { ca: readFileSync(redisTlsCaFile) }),
    ...(redisTlsCertFile !== undefined && { cert: readFileSync(redisTlsCertFile) }),
    ...(redisTlsKeyFile !== undefined && { key: readFileSync(redisTlsKeyFile) }),
    ...(redisTlsServerName !== undefined && { servername: redisTlsServerName }),
  };
}
