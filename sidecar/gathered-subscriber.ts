import { MAX_CHANNELS_PER_SUBSCRIBE, type Subscriber } from './subscriptions';

interface Command {
  readonly verb: 'subscribe' | 'unsubscribe';
  readonly channels: string[];
  readonly done: Promise<unknown>;
  readonly send: () => void;
}

/**
 * A subscriber that sends one command for what follows on another of its kind in a turn of the event loop: a storm of
 * upgrades costs a few of them. What it is asked for takes effect in the order of the calls, as before.
 */
export function gatherCommands(subscriber: Subscriber): Subscriber {
  let waiting: Command[] = [];
  const flush = (): void => {
    const commands = waiting;
    waiting = [];
    for (const { send } of commands) send();
  };
  const ask = (verb: Command['verb'], channels: readonly string[]): Promise<unknown> => {
    const last = waiting.at(-1);
    if (last?.verb === verb && last.channels.length + channels.length <= MAX_CHANNELS_PER_SUBSCRIBE) {
      last.channels.push(...channels);
      return last.done;
    }
    const command = newCommand(subscriber, verb, channels);
    if (waiting.push(command) === 1) setImmediate(flush);
    return command.done;
  };
  return {
    subscribe: (channels) => ask('subscribe', channels),
    unsubscribe: (channels) => ask('unsubscribe', channels),
    reset: () => {
      subscriber.reset();
    },
  };
}

function newCommand(subscriber: Subscriber, verb: Command['verb'], asked: readonly string[]): Command {
  const channels = [...asked];
  let send = (): void => undefined;
  const done = new Promise<unknown>((resolve) => {
    send = () => {
      resolve(subscriber[verb](channels));
    };
  });
  return { verb, channels, done, send };
}
