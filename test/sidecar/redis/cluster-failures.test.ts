import { jest } from '@jest/globals';
import { NODE_TIMEOUT_MS, startRedisCluster, type RedisCluster } from '../../fakes/redis-cluster';
import { askUpgrade, eventually, headersFor } from '../fixture';
import { ALICE, ClusterTraffic } from './cluster-traffic';
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
  for (const node of cluster.nodes) await node.start();
  await cluster.settled();
});

describe('a bridge on a cluster whose masters fail, under traffic', () => {
  it('outlives the death of a master: its channels get a gap and go on, the others notice nothing', async () => {
    const victim = await cluster.ownerOf('ai:stream:s1');
    const [lost, kept] = await traffic.channelsOf(victim);
    const killedAt = Date.now();
    await victim.kill();
    const { bridge } = traffic;
    await eventually(() => bridge.logLines.some((line) => line.includes('redis connection lost')));
    const refused = await askUpgrade(`${bridge.url}/ws/ai/chat?session=s1`, await headersFor(ALICE));
    expect(refused.status).toBe(503);
    await traffic.gapsTold(lost);
    process.stdout.write(`gap told ${Date.now() - killedAt} ms after kill -9\n`);
    await traffic.deliveredAgain(lost);
    expectBackInTime(killedAt, `kill -9 (node timeout ${NODE_TIMEOUT_MS} ms)`);
    await traffic.expectNothingSilent(lost);
    expect(kept.length).toBeGreaterThan(0);
    await eventually(() => traffic.isReady());
  });

  it('outlives the restart of a master that nobody replaces meanwhile', async () => {
    const victim = await cluster.ownerOf('ai:stream:s1');
    const [lost] = await traffic.channelsOf(victim);
    const killedAt = Date.now();
    await victim.kill();
    await victim.start();
    await traffic.deliveredAgain(lost);
    expectBackInTime(killedAt, 'kill -9 and a start');
    await traffic.expectNothingSilent(lost);
  });

  it('outlives a master that hangs, and does not believe it when it comes back', async () => {
    const victim = await cluster.ownerOf('ai:stream:s1');
    const [lost] = await traffic.channelsOf(victim);
    const hungAt = Date.now();
    process.kill(victim.pid, 'SIGSTOP');
    try {
      await traffic.deliveredAgain(lost);
      expectBackInTime(hungAt, 'SIGSTOP');
    } finally {
      process.kill(victim.pid, 'SIGCONT');
    }
    // A publisher that still takes the old master for one publishes through it: a replica passes it on, later.
    await traffic.expectNothingSilent(lost, false);
  });
});
