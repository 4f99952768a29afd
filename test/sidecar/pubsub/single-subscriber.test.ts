import { Redis } from 'ioredis';
import { pino } from 'pino';
import type { Receiver } from '../../../sidecar/fanout/deliver';
import { LoopShares, SLICE_MS, stepsOver } from '../../../sidecar/lib/loop-shares';
import { singleSubscriber } from '../../../sidecar/pubsub/single-subscriber';
import { parseSettings } from '../../../sidecar/settings/settings';
import { startRedis } from '../../fakes/redis-server';
import { eventually, SECRET, UNPREFIXED } from '../fixture';

const RECEIVER: Receiver = { senderId: undefined, deliver: () => undefined };

it('the subscriber of one Redis subscribes again only once everybody knows that its subscriptions were lost', async () => {
  const server = await startRedis();
  const admin = new Redis(server.url);
  const laters: (() => void)[] = [];
  let nowMs = 0;
  const told: string[] = [];
  const subscriber = singleSubscriber({
    settings: parseSettings({ BRIDGE_ASSERTION_SECRET: SECRET, REDIS_URL: server.url }),
    connection: 'subscriber',
    probeId: 'test',
    names: UNPREFIXED,
    publish: (channel, message) => admin.publish(channel, message),
    onProbe: () => undefined,
    deliver: () => undefined,
    listener: {
      lost: (channels) => [
        stepsOver(channels, (channel) => {
          nowMs += SLICE_MS;
          told.push(`lost ${channel}`);
          return true;
        }),
      ],
      restored: () => told.push('restored'),
    },
    shares: new LoopShares({ nowMs: () => nowMs, later: (run) => void laters.push(run) }),
    log: pino({ level: 'silent' }),
  });
  await subscriber.connect();
  for (const channel of ['a', 'b', 'c']) await subscriber.subscriptions.join(channel, RECEIVER);
  told.length = 0;
  await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await eventually(() => laters.length > 0);
  await eventually(() => subscriber.isConnected);
  for (let round = 0; round < 50; round += 1) await admin.ping();
  expect([told, await admin.pubsub('CHANNELS')]).toEqual([['lost a'], []]);

  for (let run = laters.shift(); run !== undefined; run = laters.shift()) run();
  await eventually(() => subscriber.subscriptions.isLive('a'));
  expect(told).toEqual(['lost a', 'lost b', 'lost c', 'restored']);
  expect((await admin.pubsub('CHANNELS')) as string[]).toEqual(expect.arrayContaining(['a', 'b', 'c']));
  await subscriber.disconnect();
  admin.disconnect();
  await server.stop();
});
