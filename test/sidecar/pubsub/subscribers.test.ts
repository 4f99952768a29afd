import type { Receiver } from '../../../sidecar/fanout/deliver';
import type { Intake } from '../../../sidecar/pubsub/subscriber';
import { Intakes } from '../../../sidecar/pubsub/subscribers';
import { TooManyChannelsError } from '../../../sidecar/pubsub/channel-registry';
import { Subscriptions } from '../../../sidecar/pubsub/single-channels';

const RECEIVER: Receiver = { senderId: undefined, take: () => undefined };

function fakeIntake(): Intake & { readonly subscriptions: Subscriptions<Receiver> } {
  const subscriptions = new Subscriptions<Receiver>({
    subscribe: () => Promise.resolve(new Map()),
    unsubscribe: () => Promise.resolve(),
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
  const intakes = new Intakes(services, { intake: relays, isRelayed }, maxChannels);
  await intakes.connect();
  return { services, relays, intakes };
}

describe('two intakes', () => {
  it('have each channel on one of them', async () => {
    const { services, relays, intakes } = await twoIntakes();
    for (const channel of ['relayed:1', 'served:1', 'served:2']) {
      await intakes.subscriptions.join(channel, RECEIVER);
    }
    expect([services.subscriptions.channels, relays.subscriptions.channels]).toEqual([
      ['served:1', 'served:2'],
      ['relayed:1'],
    ]);
    expect([intakes.subscriptions.size, intakes.subscriptions.members('relayed:1').size]).toEqual([3, 1]);
    intakes.subscriptions.leave('relayed:1', RECEIVER);
    expect(relays.subscriptions.channels).toEqual([]);
  });

  it('pin the bridges’ own channels where services’ are, whatever they look like', async () => {
    const { services, intakes } = await twoIntakes();
    intakes.subscriptions.pin('relayed:own', RECEIVER);
    expect(services.subscriptions.members('relayed:own').size).toBe(1);
  });

  it('say that channels are live by the one that has them', async () => {
    const { relays, intakes } = await twoIntakes();
    relays.subscriptions.down();
    expect(['relayed:1', 'served:1'].map((channel) => intakes.subscriptions.isLive(channel))).toEqual([
      false,
      true,
    ]);
  });

  it('have no one order between what comes over both', async () => {
    const { intakes } = await twoIntakes();
    const orders = [['relayed:1', 'relayed:2'], ['served:1'], ['relayed:1', 'served:1']];
    expect(orders.map((channels) => intakes.inOneOrder(channels))).toEqual([true, true, false]);
  });

  it('have room for so many channels together', async () => {
    const { intakes } = await twoIntakes(2);
    await intakes.subscriptions.join('relayed:1', RECEIVER);
    await intakes.subscriptions.join('served:1', RECEIVER);
    await expect(intakes.subscriptions.join('served:2', RECEIVER)).rejects.toThrow(TooManyChannelsError);
    await expect(intakes.subscriptions.join('relayed:2', RECEIVER)).rejects.toThrow(TooManyChannelsError);
  });
});
