import { gatherCommands } from '../../../sidecar/pubsub/gathered-subscriber';
import { MAX_CHANNELS_PER_SUBSCRIBE } from '../../../sidecar/pubsub/channel-registry';

interface Sent {
  readonly commands: string[];
  readonly subscriber: ReturnType<typeof gatherCommands>;
}

function gathered(
  fails: (channels: readonly string[]) => boolean = () => false,
  notAllowed: readonly string[] = [],
): Sent {
  const commands: string[] = [];
  const take = (verb: string) => (channels: readonly string[]) => {
    commands.push(`${verb} ${channels.join(' ')}`);
    if (channels.some((channel) => notAllowed.includes(channel))) {
      return new Promise((_, reject) =>
        setImmediate(() => {
          reject(new Error('NOPERM No permissions to access a channel'));
        }),
      );
    }
    return fails(channels) ? Promise.reject(new Error('lost')) : Promise.resolve();
  };
  const subscriber = gatherCommands({
    subscribe: take('SUBSCRIBE'),
    unsubscribe: take('UNSUBSCRIBE'),
    ping: () => Promise.resolve(commands.push('PING')),
    reset: () => commands.push('reset'),
  });
  return { commands, subscriber };
}

describe('a subscriber that gathers', () => {
  it('sends one command for what is asked for in one turn', async () => {
    const { commands, subscriber } = gathered();
    await Promise.all([subscriber.subscribe(['a']), subscriber.subscribe(['b', 'c'])]);
    await subscriber.subscribe(['d']);
    expect(commands).toEqual(['SUBSCRIBE a b c', 'SUBSCRIBE d']);
  });

  it('asks once for all that want to know in one turn whether messages have arrived', async () => {
    const { commands, subscriber } = gathered();
    const asked = [subscriber.ping(), subscriber.ping()];
    expect(commands).toEqual([]);
    await Promise.all(asked);
    await subscriber.ping();
    expect(commands).toEqual(['PING', 'PING']);
  });

  it('keeps the order of subscribing and unsubscribing', async () => {
    const { commands, subscriber } = gathered();
    await Promise.all([
      subscriber.subscribe(['a']),
      subscriber.unsubscribe(['a']),
      subscriber.unsubscribe(['b']),
      subscriber.subscribe(['a']),
    ]);
    expect(commands).toEqual(['SUBSCRIBE a', 'UNSUBSCRIBE a b', 'SUBSCRIBE a']);
  });

  it('puts no more channels into one command than are allowed', async () => {
    const { commands, subscriber } = gathered();
    const channels = Array.from({ length: MAX_CHANNELS_PER_SUBSCRIBE }, (_, index) => `c${index}`);
    await Promise.all([subscriber.subscribe(channels), subscriber.subscribe(['one-more'])]);
    expect(commands).toHaveLength(2);
  });

  it('tells those whose command failed, and no others', async () => {
    const { subscriber } = gathered((channels) => channels.includes('b'));
    const outcomes = await Promise.allSettled([
      subscriber.subscribe(['a']),
      subscriber.unsubscribe(['b']),
      subscriber.subscribe(['c']),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('takes a command apart that Redis refuses for one of its channels, and tells which it was', async () => {
    const { commands, subscriber } = gathered(() => false, ['c']);
    const refused = await Promise.all(['a', 'b', 'c', 'd'].map((one) => subscriber.subscribe([one])));
    expect([...(refused[0] ?? [])].map(([channel, { message }]) => [channel, message])).toEqual([
      ['c', 'NOPERM No permissions to access a channel'],
    ]);
    expect(commands).toEqual([
      'SUBSCRIBE a b c d',
      'SUBSCRIBE a b',
      'SUBSCRIBE c d',
      'SUBSCRIBE c',
      'SUBSCRIBE d',
    ]);
  });

  it('does not ask once more for a channel that nobody wants by then', async () => {
    const { commands, subscriber } = gathered(() => false, ['c']);
    const both = subscriber.subscribe(['a', 'c']);
    await new Promise(setImmediate);
    commands.length = 0;
    await Promise.all([both, subscriber.unsubscribe(['a'])]);
    expect(commands.filter((command) => command.startsWith('SUBSCRIBE'))).not.toContain('SUBSCRIBE a');
  });
});
