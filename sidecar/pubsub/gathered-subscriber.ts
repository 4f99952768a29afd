import { onceATurn } from '../lib/once-a-turn';
import { halves, isOfOneItem } from '../../redis/refused-item';
import { MAX_CHANNELS_PER_SUBSCRIBE } from './channel-registry';
import type { RefusedChannels, SubscribeCommands } from './subscribe-commands';
import type { Redis } from 'ioredis';
import { giveUp } from '../../redis/give-up-silent';
import { hearAnswer } from '../../redis/hear-answer';

/**
 * A subscriber connection as it is. Commands reach Redis in the order of the calls; one that names a channel that Redis refuses
 * rejects whole.
 */
export interface SubscriberConnection {
  subscribe(channels: readonly string[]): Promise<unknown>;
  unsubscribe(channels: readonly string[]): Promise<unknown>;
  ping(): Promise<unknown>;
  reset(): void;
}

interface Command {
  readonly verb: 'subscribe' | 'unsubscribe';
  readonly channels: Set<string>;
  /** Those of its channels that are still wanted: they are asked for once more where another is refused. */
  readonly wanted: Set<string>;
  readonly done: Promise<RefusedChannels>;
  readonly send: () => void;
}

const NONE: RefusedChannels = new Map();

/**
 * A subscriber that sends one command for all calls of one kind that follow each other in a turn of the event loop. So
 * a storm of upgrades costs a few commands. The calls take effect in their order, as before. A command that Redis
 * refuses for one of its channels is taken apart, so that only that channel is refused.
 */
export function gatherCommands(connection: SubscriberConnection): SubscribeCommands {
  let waiting: Command[] = [];
  const sent = new Set<Command>();
  const flush = (): void => {
    const commands = waiting;
    waiting = [];
    for (const command of commands) {
      sent.add(command);
      command.send();
      const settle = (): void => void sent.delete(command);
      command.done.then(settle, settle);
    }
  };
  const ask = (verb: Command['verb'], channels: readonly string[]): Promise<RefusedChannels> => {
    const last = waiting.at(-1);
    if (last?.verb === verb && last.channels.size + channels.length <= MAX_CHANNELS_PER_SUBSCRIBE) {
      for (const channel of channels) {
        last.channels.add(channel);
        last.wanted.add(channel);
      }
      return last.done;
    }
    const command = newCommand(connection, verb, channels);
    if (waiting.push(command) === 1) setImmediate(flush);
    return command.done;
  };
  return {
    subscribe: (channels) => ask('subscribe', channels),
    unsubscribe: (channels) => {
      // Were one of them asked for once more, because another was refused, it would be subscribed for nobody.
      for (const { wanted } of sent) for (const channel of channels) wanted.delete(channel);
      for (const { wanted } of waiting) for (const channel of channels) wanted.delete(channel);
      return ask('unsubscribe', channels);
    },
    ping: onceATurn(() => connection.ping()),
    reset: () => {
      connection.reset();
    },
  };
}

function newCommand(
  connection: SubscriberConnection,
  verb: Command['verb'],
  asked: readonly string[],
): Command {
  const channels = new Set(asked);
  const wanted = new Set(asked);
  let send = (): void => undefined;
  const done = new Promise<RefusedChannels>((resolve) => {
    send = () => {
      const all = [...channels];
      if (verb === 'unsubscribe') resolve(connection.unsubscribe(all).then(() => NONE));
      else resolve(subscribeInParts(connection, all, wanted));
    };
  });
  return { verb, channels, wanted, done, send };
}

/** @param wanted those that still are */
async function subscribeInParts(
  connection: SubscriberConnection,
  channels: readonly string[],
  wanted: ReadonlySet<string>,
): Promise<RefusedChannels> {
  try {
    await connection.subscribe(channels);
    return NONE;
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    const [only, ...others] = channels;
    if (only !== undefined && others.length === 0) return new Map([[only, error]]);
    const left = channels.filter((channel) => wanted.has(channel));
    const parts = halves(left).filter((half) => half.length > 0);
    const refused = await Promise.all(parts.map((half) => subscribeInParts(connection, half, wanted)));
    return new Map(refused.flatMap((part) => [...part]));
  }
}

/** A connection as the registry of subscriptions uses it. */
export function redisSubscriber(redis: Redis): SubscriberConnection {
  return {
    subscribe: (channels) => redis.subscribe(...channels),
    unsubscribe: (channels) => redis.unsubscribe(...channels),
    ping: () => hearAnswer(redis),
    reset: () => {
      giveUp(redis, 'its subscriptions are not what they should be');
    },
  };
}
