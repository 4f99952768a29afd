import { jest } from '@jest/globals';
import { startRedisCluster, type RedisCluster } from '../../fakes/redis-cluster';
import { ClusterTraffic } from './cluster-traffic';
import { expectBackInTime } from './traffic';

jest.setTimeout(90_000);

let cluster: RedisCluster;
let traffic: ClusterTraffic;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => {
  await cluster.stop();
});
beforeEach(async () => {
  traffic = await ClusterTraffic.start(cluster);
});
afterEach(async () => {
  await traffic.stop();
  await cluster.settled();
});

describe('a bridge on a cluster none of whose nodes fails, under traffic', () => {
  it('follows a slot to another master, back, and away again', async () => {
    const home = await cluster.ownerOf('ai:stream:s1');
    const [, elsewhere] = await traffic.channelsOf(home);
    const away = await cluster.ownerOf(elsewhere[0] ?? '');
    for (const [index, node] of [away, home, away, home].entries()) {
      const startedAt = Date.now();
      await cluster.moveSlot('ai:stream:s1', node);
      await traffic.gapsTold(['ai:stream:s1'], index + 1);
      await traffic.deliveredAgain(['ai:stream:s1']);
      expectBackInTime(startedAt, 'the slot began to move');
    }
    await traffic.expectNothingSilent(['ai:stream:s1']);
  });

  it('follows a manual failover', async () => {
    const before = await cluster.ownerOf('ai:stream:s1');
    const [lost] = await traffic.channelsOf(before);
    await before.redis.config('RESETSTAT');
    const { to, askedAt } = await cluster.failOver('ai:stream:s1');
    await traffic.deliveredAgain(lost);
    expectBackInTime(askedAt, 'CLUSTER FAILOVER');
    expect(await cluster.ownerOf('ai:stream:s1')).toBe(to);
    // A publisher that still takes the old master for one publishes through it: a replica passes it on, later.
    await traffic.expectNothingSilent(lost, false);
    // Its connection was closed: to name its channels, thousands of them, would hold the event loop up.
    expect(await before.redis.info('commandstats')).not.toContain('cmdstat_sunsubscribe');
  });
});
