import type { Receiver } from '../../sidecar/delivery';
import { frameOf } from '../../sidecar/frame';
import { deferred } from '../../sidecar/deferred';
import { RingBudget } from '../../sidecar/ring-budget';
import { Streams } from '../../sidecar/streams';
import { Subscriptions } from '../../sidecar/subscriptions';
import { TimerWheel } from '../../sidecar/timer-wheel';

/** Streams whose subscriptions are acknowledged when the test says so. */
async function streamsOn() {
  const acknowledgements = new Map<string, () => void>();
  const subscriptions = new Subscriptions<Receiver>({
    subscribe: ([channel = '']) => {
      const acknowledged = deferred<ReadonlyMap<string, Error>>();
      acknowledgements.set(channel, () => {
        acknowledged.resolve(new Map());
      });
      return acknowledged.promise;
    },
    unsubscribe: () => Promise.resolve(),
    reset: () => undefined,
  });
  await subscriptions.up();
  const streams = new Streams({
    subscriptions,
    wheel: new TimerWheel(250, 512, 0),
    monotonicMs: () => 0,
    bridgeId: '0123456789abcdef',
    limits: { maxItems: 8, maxBytes: 1000 },
    budget: new RingBudget({ totalBytes: 100_000, tenantBytes: 100_000 }),
    firstOffset: 100,
    lingerMs: 1000,
  });
  return {
    streams,
    acknowledge: (channel: string) => acknowledgements.get(channel)?.(),
    publish: (channel: string, text: string) => {
      const frame = frameOf(Buffer.from(text), false);
      for (const member of subscriptions.members(channel)) member.take(frame);
    },
  };
}

describe('a stream of several channels', () => {
  it('counts nothing before all of them are acknowledged: frames of the others would be missing in between', async () => {
    const { streams, acknowledge, publish } = await streamsOn();
    const holder = {};
    const identity = { tenant: 'acme', owner: 'alice', channels: ['tenant', 'user'], senderId: undefined };
    const stream = streams.hold(identity, undefined, holder);
    acknowledge('tenant');
    publish('tenant', 'too early');
    acknowledge('user');
    await streams.subscribed(stream);
    publish('user', 'first');
    publish('tenant', 'second');
    const replay = stream.replay({ epoch: stream.epoch, offset: 100 });
    expect(replay).toMatchObject({
      kind: 'resumed',
      missed: [{ payload: Buffer.from('first') }, { payload: Buffer.from('second') }],
    });
  });
});
