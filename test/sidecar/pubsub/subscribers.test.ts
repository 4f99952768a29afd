import type { Receiver } from '../../../sidecar/fanout/deliver';
import type { Subscriber } from '../../../sidecar/pubsub/subscriber';
import { Subscribers } from '../../../sidecar/pubsub/subscribers';
import { TooManyChannelsError } from '../../../sidecar/pubsub/channel-registry';
import { SingleChannels } from '../../../sidecar/pubsub/single-channels';

const RECEIVER: Receiver = { senderId: undefined, deliver: () => undefined };

function fakeIntake(): Subscriber & { readonly subscriptions: SingleChannels<Receiver> } {
  const subscriptions = new SingleChannels<Receiver>({
    subscribe: () => Promise.resolve(new Map()),
    unsubscribe: () => Promise.resolve(),
    ping: () => Promise.resolve(),
    reset: () => undefined,
  });
  return {
    subscriptions,
    isConnected: true,
    delivers: true,
    inOneOrder: () => true,
    proveArrival: () => Promise.resolve(),
    listenerCount: 1,
    connect: async () => {
      await subscriptions.up();
    },
    start: () => undefined,
    stop: () => undefined,
    disconnect: () => Promise.resolve(),
  };
}

async function twoIntakes(maxChannels = 0) {
  const [services, relays] = [fakeIntake(), fakeIntake()];
  const isRelayed = (channel: string): boolean => channel.startsWith('relayed');
  const subscribers = new Subscribers(services, { subscriber: relays, isRelayed }, maxChannels);
  await subscribers.connect();
  return { services, relays, subscribers };
}

describe('two intakes', () => {
  it('have each channel on one of them', async () => {
    const { services, relays, subscribers } = await twoIntakes();
    for (const channel of ['relayed:1', 'served:1', 'served:2']) {
      await subscribers.subscriptions.join(channel, RECEIVER);
    }
    expect([[...services.subscriptions.channels], [...relays.subscriptions.channels]]).toEqual([
      ['served:1', 'served:2'],
      ['relayed:1'],
    ]);
    expect([subscribers.subscriptions.size, subscribers.subscriptions.members('relayed:1').size]).toEqual([
      3, 1,
    ]);
    subscribers.subscriptions.leave('relayed:1', RECEIVER);
    expect([...relays.subscriptions.channels]).toEqual([]);
  });

  it('pin the bridges’ own channels where services’ are, whatever they look like', async () => {
    const { services, subscribers } = await twoIntakes();
    subscribers.subscriptions.pin('relayed:own', RECEIVER);
    expect(services.subscriptions.members('relayed:own').size).toBe(1);
  });

  it('say that channels are live by the one that has them', async () => {
    const { relays, subscribers } = await twoIntakes();
    relays.subscriptions.down();
    expect(['relayed:1', 'served:1'].map((channel) => subscribers.subscriptions.isLive(channel))).toEqual([
      false,
      true,
    ]);
  });

  it('have no one order between what comes over both', async () => {
    const { subscribers } = await twoIntakes();
    const orders = [['relayed:1', 'relayed:2'], ['served:1'], ['relayed:1', 'served:1']];
    expect(orders.map((channels) => subscribers.inOneOrder(channels))).toEqual([true, true, false]);
  });

  it('have room for so many channels together', async () => {
    const { subscribers } = await twoIntakes(2);
    await subscribers.subscriptions.join('relayed:1', RECEIVER);
    await subscribers.subscriptions.join('served:1', RECEIVER);
    await expect(subscribers.subscriptions.join('served:2', RECEIVER)).rejects.toThrow(TooManyChannelsError);
    await expect(subscribers.subscriptions.join('relayed:2', RECEIVER)).rejects.toThrow(TooManyChannelsError);
  });
});
