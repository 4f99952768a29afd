import { Cluster, type Redis } from 'ioredis';
import { pino, type Logger } from 'pino';
import { describeTarget } from '../../redis/url';
import { mastersOf } from '../../redis/memory-check';
import { checkVersion } from '../../redis/version-check';
import { disconnect, redisCommands, shardConnection } from '../redis/connections';
import type { RedisNames } from '../redis/names';
import { checkChannels } from './channels-check';
import { checkDelivery } from './delivery-check';
import { checkEviction } from './eviction-check';
import { fails, holds, type Finding } from './finding';
import { connectOnce } from './redis-connect';
import { checkRights, type NeededRights } from './rights-check';
import { type Commands } from '../../redis/options';
import { redisTarget, type RedisSettings } from '../redis/settings';
import type { Route } from '../routes/route';

/** How far this host's clock and that of Redis may be apart, in milliseconds: what an assertion's times may be off. */
export const MAX_CLOCK_SKEW_MS = 5000;

/** Whether Redis is there for the bridge's user and these routes, has the same time, and delivers what is published. */
export async function checkRedis(
  settings: RedisSettings & NeededRights,
  names: RedisNames,
  routes: readonly Route[],
  now: () => number,
): Promise<readonly Finding[]> {
  const place = describeTarget(redisTarget(settings));
  const log = pino({ level: 'silent' });
  let commands: Commands | undefined;
  try {
    commands = redisCommands('commands', settings, log);
    await connectAnywhere(commands, settings, log);
    const begun = now();
    const skews = await Promise.all(mastersOf(commands).map((master) => skewOf(master, now)));
    const found = holds('redis', `${place} answers in ${now() - begun} ms`);
    const old = await checkVersion(mastersOf(commands));
    if (old !== undefined)
      return [found, fails('version', old, 'let REDIS_URL name Redis 7.0 or later, or Valkey')];
    const eviction = await checkEviction(mastersOf(commands));
    const rights = await checkRights(commands, names, routes, settings);
    const delivery = await checkDelivery(commands, settings, names, log);
    const channels = await checkChannels(commands, settings, names, routes, log);
    return [found, clockFinding(skews), ...eviction, ...rights, delivery, ...channels];
  } catch (error) {
    const { message } = error as Error;
    return [fails('redis', `${place} cannot be used (${message})`, remedyFor(message))];
  } finally {
    if (commands !== undefined) await disconnect(commands);
  }
}

async function connectAnywhere(commands: Commands, settings: RedisSettings, log: Logger): Promise<void> {
  try {
    await connectOnce(commands, settings.redisTimeoutMs);
  } catch (error) {
    const [node] = redisTarget(settings).nodes;
    if (!(commands instanceof Cluster) || node === undefined) throw error;
    // ioredis says of a cluster's nodes only that none could be asked; one says itself why.
    const redis = shardConnection('subscriber', node, settings, log);
    await connectOnce(redis, settings.redisTimeoutMs).finally(() => disconnect(redis));
    throw error;
  }
}

function remedyFor(reason: string): string {
  if (reason.includes('sentinel')) {
    return 'let REDIS_URL name the sentinels and their master, BRIDGE_REDIS_SENTINEL_USERNAME and _PASSWORD their user';
  }
  if (/NOAUTH|WRONGPASS/.test(reason)) {
    return 'put the user and password of this Redis into REDIS_URL, or into BRIDGE_REDIS_USERNAME and _PASSWORD';
  }
  if (reason.includes('NOPERM')) return 'give its user the rights in docs/redis.md';
  if (/certificate|altnames|PEM|ENOENT|EACCES/i.test(reason)) {
    return 'see BRIDGE_REDIS_TLS_CA_FILE, _CERT_FILE, _KEY_FILE and _SERVER_NAME';
  }
  return 'start Redis there, open the way to it, or set REDIS_URL';
}

/** How many milliseconds this host's clock is ahead of Redis's. TIME is among the rights that the bridge needs. */
async function skewOf(redis: Redis, now: () => number): Promise<number> {
  const before = now();
  const [seconds, microseconds] = await redis.time();
  const middle = (before + now()) / 2;
  return Math.round(middle - (Number(seconds) * 1000 + Number(microseconds) / 1000));
}

function clockFinding(skews: readonly number[]): Finding {
  const [skewMs = 0] = [...skews].sort((a, b) => Math.abs(b) - Math.abs(a));
  if (Math.abs(skewMs) <= MAX_CLOCK_SKEW_MS) return holds('clock', `${skewMs} ms from that of Redis`);
  return fails(
    'clock',
    `${skewMs} ms from that of Redis, expected at most ${MAX_CLOCK_SKEW_MS}`,
    'synchronise both hosts (NTP), or good tokens and assertions are refused',
  );
}
