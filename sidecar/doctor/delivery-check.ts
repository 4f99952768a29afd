import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Cluster, type Redis } from 'ioredis';
import type { Logger } from 'pino';
import { parseAddress } from '../pubsub/slot-map';
import { withDeadline } from '../lib/promises';
import { keySlot, SLOT_COUNT } from '../../redis/key-slot';
import { publisher } from '../redis/publish';
import { disconnect, redisConnection, shardConnection } from '../redis/connections';
import type { RedisNames } from '../redis/names';
import { masterMap } from './each-master';
import { fails, holds, type Finding } from './finding';
import { connectOnce } from './redis-connect';
import type { Commands } from '../../redis/options';
import type { RedisSettings } from '../redis/settings';

/** A connection that is to hear a channel. */
interface Listener {
  readonly redis: Redis;
  readonly channel: string;
  readonly sharded: boolean;
}

/** Publishes and must hear it, in a cluster at each of its masters: what no answered command proves. */
export async function checkDelivery(
  commands: Commands,
  settings: RedisSettings,
  names: RedisNames,
  log: Logger,
): Promise<Finding> {
  const { redisTimeoutMs } = settings;
  const listeners = await listenersFor(commands, settings, names, log);
  try {
    const begun = performance.now();
    const heard = await Promise.all(listeners.map((listener) => isHeard(commands, listener, redisTimeoutMs)));
    if (heard.every(Boolean)) {
      const masters = commands instanceof Cluster ? ` at ${listeners.length} masters` : '';
      return holds(
        'delivery',
        `published and heard${masters} in ${Math.round(performance.now() - begun)} ms`,
      );
    }
    return fails(
      'delivery',
      `what was published was not heard within ${redisTimeoutMs} ms`,
      'let REDIS_URL name the Redis that services publish to',
    );
  } finally {
    await Promise.all(listeners.map(({ redis }) => disconnect(redis)));
  }
}

async function listenersFor(
  commands: Commands,
  settings: RedisSettings,
  names: RedisNames,
  log: Logger,
): Promise<readonly Listener[]> {
  const id = `doctor${randomUUID().replaceAll('-', '')}`;
  const map = await masterMap(commands);
  if (map === undefined) {
    const redis = redisConnection('subscriber', settings, log);
    return [{ redis, channel: names.probe(id), sharded: false }];
  }
  return [...new Set(map)].map((address = '') => ({
    redis: shardConnection('subscriber', parseAddress(address), settings, log),
    channel: channelWhere(
      (tag) => names.shardProbe(id, tag),
      (slot) => map[slot] === address,
    ),
    sharded: true,
  }));
}

function channelWhere(named: (tag: number) => string, serves: (slot: number) => boolean): string {
  for (let tag = 0; tag < SLOT_COUNT; tag += 1) {
    const channel = named(tag);
    if (serves(keySlot(channel))) return channel;
  }
  throw new Error('expected a channel in one of the slots');
}

async function isHeard(commands: Commands, listener: Listener, timeoutMs: number): Promise<boolean> {
  const { redis, channel, sharded } = listener;
  await connectOnce(redis, timeoutMs);
  await (sharded ? redis.ssubscribe(channel) : redis.subscribe(channel));
  const heard = withDeadline(once(redis, sharded ? 'smessage' : 'message'), timeoutMs);
  const isHeardInTime = heard.then(
    () => true,
    () => false,
  );
  await publisher(commands)(channel, channel);
  return isHeardInTime;
}
