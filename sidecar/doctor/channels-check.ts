import type { Logger } from 'pino';
import type { Commands } from '../../redis/options';
import { disconnect, redisConnection, shardConnection } from '../redis/connections';
import type { RedisNames } from '../redis/names';
import type { RedisSettings } from '../redis/settings';
import { placeholders, type ChannelTemplate } from '../routes/channel-template';
import type { Route } from '../routes/route';
import { parseAddress } from '../pubsub/slot-map';
import { atEachMaster, masterMap } from './each-master';
import { fails, type Finding } from './finding';
import { connectOnce } from './redis-connect';

/** Finds the channels that the bridge's user may not have: its own ones, and those of these routes. */
export async function checkChannels(
  commands: Commands,
  settings: RedisSettings,
  names: RedisNames,
  routes: readonly Route[],
  log: Logger,
): Promise<readonly Finding[]> {
  const map = await masterMap(commands);
  const byMaster = new Map<string | undefined, string[]>();
  for (const nameOf of channelsOf(names, routes)) {
    for (const { names: channels, master } of atEachMaster(map, (nobody) => [nameOf(nobody)])) {
      byMaster.set(master, [...(byMaster.get(master) ?? []), ...channels]);
    }
  }
  const denied = await Promise.all(
    [...byMaster].map(([master, channels]) => deniedAt(master, channels, settings, log)),
  );
  return denied.flat().map((where) => fails('rights', `the user may not have the channel ${where}`, REMEDY));
}

const REMEDY = 'give it the "&" pattern of it in docs/redis.md';

/** Each of them for one who is nobody. */
function channelsOf(names: RedisNames, routes: readonly Route[]): readonly ((nobody: string) => string)[] {
  const ofRoutes = routes
    .flatMap(({ channels }) => channels)
    .map((template) => (nobody: string) => channelOf(names, template, nobody));
  return [
    () => names.control,
    (nobody) => names.bridge(nobody),
    (nobody) => names.reply(nobody),
    ...ofRoutes,
    ...ofRoutes.slice(0, 1).map((nameOf) => (nobody: string) => names.mark(nameOf(nobody))),
  ];
}

function channelOf(names: RedisNames, template: ChannelTemplate, nobody: string): string {
  return names.channel(template, Object.fromEntries(placeholders(template).map((name) => [name, nobody])));
}

/** Those of a server's channels that the user may not have there. */
async function deniedAt(
  master: string | undefined,
  channels: readonly string[],
  settings: RedisSettings,
  log: Logger,
): Promise<readonly string[]> {
  const redis =
    master === undefined
      ? redisConnection('subscriber', settings, log)
      : shardConnection('subscriber', parseAddress(master), settings, log);
  try {
    await connectOnce(redis, settings.redisTimeoutMs);
    const denied: string[] = [];
    for (const channel of channels) {
      try {
        await (master === undefined ? redis.subscribe(channel) : redis.ssubscribe(channel));
      } catch (error) {
        if (!(error as Error).message.startsWith('NOPERM ')) throw error;
        denied.push(master === undefined ? channel : `${channel} at ${master}`);
      }
    }
    return denied;
  } finally {
    await disconnect(redis);
  }
}
