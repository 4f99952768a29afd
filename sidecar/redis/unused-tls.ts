import { redisTarget, type RedisSettings } from './settings';

/** The meaning of {@link unusedTls}, for a log and a terminal. */
export const UNUSED_TLS =
  'the way to Redis is not encrypted, and these settings are not read, because REDIS_URL begins with redis and not with rediss';

const VARIABLES = {
  redisTlsCaFile: 'BRIDGE_REDIS_TLS_CA_FILE',
  redisTlsCertFile: 'BRIDGE_REDIS_TLS_CERT_FILE',
  redisTlsKeyFile: 'BRIDGE_REDIS_TLS_KEY_FILE',
  redisTlsServerName: 'BRIDGE_REDIS_TLS_SERVER_NAME',
} as const;

/** The settings for TLS that are given although Redis is asked without it. */
export function unusedTls(settings: RedisSettings): readonly string[] {
  if (redisTarget(settings).tls) return [];
  const names = Object.keys(VARIABLES) as (keyof typeof VARIABLES)[];
  return names.filter((name) => settings[name] !== undefined).map((name) => VARIABLES[name]);
}
