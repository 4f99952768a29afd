import { EventEmitter } from 'node:events';
import { jest } from '@jest/globals';
import type { Cluster } from 'ioredis';
import { pino } from 'pino';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { ClusterChannels, type ShardLink } from '../../../sidecar/pubsub/cluster-channels';
import { ClusterSubscriber } from '../../../sidecar/pubsub/cluster-subscriber';
import { RedisNames } from '../../../sidecar/redis/names';

/** A node that says which slots its master serves, or says nothing. */
class FakeNode {
  readonly options: { readonly host: string; readonly port: number };
  answer: 'all slots' | 'no slots' | 'none' = 'no slots';

  constructor(port: number) {
    this.options = { host: '127.0.0.1', port };
  }

  cluster(what: string): Promise<unknown> {
    if (this.answer === 'none') return new Promise(() => undefined);
    if (what === 'NODES') return Promise.resolve('m 127.0.0.1:1@2 master - 0 0 1 connected\n');
    return Promise.resolve(this.answer === 'all slots' ? [[0, 16_383, ['127.0.0.1', 1, 'm']]] : []);
  }
}

type LinkOf = (slot: number) => ShardLink | undefined;

it('a master that says nothing goes on with its slots where nobody claims them: the others may know of none', async () => {
  const [master, other] = [new FakeNode(1), new FakeNode(2)];
  const commands = Object.assign(new EventEmitter(), { nodes: () => [master, other] });
  const nothing = (): void => undefined;
  const adopted: LinkOf[] = [];
  let onAdopted = nothing;
  jest.spyOn(ClusterChannels.prototype, 'route').mockImplementation((linkOf) => {
    adopted.push(linkOf);
    onAdopted();
  });
  const subscriber = new ClusterSubscriber({
    settings: {
      ...{ redisUrl: 'redis+cluster://127.0.0.1:1', redisTimeoutMs: 1000, redisTopologyIntervalMs: 60_000 },
      ...{ probeIntervalMs: 60_000, probeTimeoutMs: 1000 },
    },
    connection: 'subscriber',
    probeId: 'b',
    names: new RedisNames(''),
    publish: () => Promise.resolve(0),
    onProbe: nothing,
    deliver: nothing,
    listener: { lost: () => [], restored: nothing },
    shares: LoopShares.uncut(),
    log: pino({ level: 'silent' }),
    commands: commands as unknown as Cluster,
  });
  /** The link of a slot by the map that the next look finds. */
  const look = async (): Promise<ShardLink | undefined> => {
    const isAdopted = new Promise<void>((resolve) => {
      onAdopted = resolve;
    });
    commands.emit('ready');
    await isAdopted;
    return adopted.at(-1)?.(0);
  };
  master.answer = 'all slots';
  const link = await look();
  expect(link).toBeDefined();
  master.answer = 'none';
  expect(await look()).toBe(link);
  master.answer = 'no slots';
  other.answer = 'none';
  expect(await look()).toBeUndefined();
  await subscriber.disconnect();
});
