import { isNamePrefix, NAME_PREFIX_FORM } from '../../redis/name-prefix';
import { parseRedisUrl, redisUrlFault, REDIS_URL_FORMS } from '../../redis/url';
import { integer, MAX_TIMER_MS, optionalText, row, type Row } from './row';

/** Where Redis is and who the bridge is to it. */
export const REDIS_ROWS = {
  redisUrl: row('REDIS_URL', 'redis://127.0.0.1:6379', REDIS_URL_FORMS, readRedisUrl, {
    description: `where services publish and commands go: ${REDIS_URL_FORMS}`,
    faultOf: redisUrlFault,
    isSecret: true,
  }),
  redisTimeoutMs: integer(
    'BRIDGE_REDIS_TIMEOUT_MS',
    1000,
    [1, MAX_TIMER_MS],
    'ms',
    'a command that Redis has not answered by then counts as Redis unreachable',
  ),
  redisUsername: optionalText('BRIDGE_REDIS_USERNAME', 'ACL user, for a REDIS_URL that names none'),
  redisPassword: password('BRIDGE_REDIS_PASSWORD', 'password, for a REDIS_URL that has none'),
  redisSentinelUsername: optionalText('BRIDGE_REDIS_SENTINEL_USERNAME', 'ACL user of the sentinels'),
  redisSentinelPassword: password('BRIDGE_REDIS_SENTINEL_PASSWORD', 'password of the sentinels'),
  redisTlsCaFile: optionalText(
    'BRIDGE_REDIS_TLS_CA_FILE',
    "PEM file with the authorities that sign Redis's certificates; Node's own list by default",
  ),
  redisTlsCertFile: optionalText(
    'BRIDGE_REDIS_TLS_CERT_FILE',
    "PEM file with the bridge's own certificate, which Redis asks for unless tls-auth-clients is off",
  ),
  redisTlsKeyFile: optionalText('BRIDGE_REDIS_TLS_KEY_FILE', 'PEM file with its private key'),
  redisTlsServerName: optionalText(
    'BRIDGE_REDIS_TLS_SERVER_NAME',
    "name that Redis's certificates are for; the host that is connected to by default",
  ),
  redisTopologyIntervalMs: integer(
    'BRIDGE_REDIS_TOPOLOGY_INTERVAL_MS',
    5000,
    [100, MAX_TIMER_MS],
    'ms',
    'between looks at which master of a cluster serves which slots; whenever something is lost it is looked at at once',
  ),
  channelPrefix: row(
    'BRIDGE_CHANNEL_PREFIX',
    '',
    NAME_PREFIX_FORM,
    (value) => (isNamePrefix(value) ? value : undefined),
    {
      description:
        'goes as it stands before every channel, key and stream that the bridge names in Redis; staging:, for example. So several ' +
        'environments can share one. Services publish to names with it, and the gatekeeper has the same in redis.prefix',
    },
  ),
} as const;

function password(name: string, description: string): Row<string, undefined> {
  return { ...optionalText(name, description), isSecret: true };
}

function readRedisUrl(value: string): string | undefined {
  return parseRedisUrl(value) === undefined ? undefined : value;
}
