import assert from 'node:assert/strict';
import { jest } from '@jest/globals';
import { publisher } from '../../../sidecar/redis/publish';
import {
  NODE_TIMEOUT_MS,
  startRedisCluster,
  type ClusterNode,
  type RedisCluster,
} from '../../fakes/redis-cluster';
import {
  askUpgrade,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from '../fixture';
import { expectBackInTime, faultsOf, Heard, publishNumbered, type Traffic } from './traffic';

const ALICE = { tenant: 'acme', user: 'alice' };
/** Sessions whose channels are spread over all three masters. */
const SESSIONS = ['s1', 's2', 's3', 's4', 's5', 's6'];
const CHANNELS = SESSIONS.map((session) => `ai:stream:${session}`);

jest.setTimeout(90_000);

let cluster: RedisCluster;
let bridge: TestBridge;
let traffic: Traffic;
let heard: ReadonlyMap<string, Heard>;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(async () => {
  await cluster.stop();
});
beforeEach(async () => {
  bridge = await startBridge(cluster.url, {
    BRIDGE_REDIS_TIMEOUT_MS: '2000',
    BRIDGE_PROBE_INTERVAL_MS: '500',
    BRIDGE_PROBE_TIMEOUT_MS: '2000',
  });
  await eventually(ready);
  const sockets = SESSIONS.map((session) =>
    connectCounting(`${bridge.url}/ws/ai/chat?session=${session}`, ALICE),
  );
  const clients = await Promise.all(sockets);
  heard = new Map(clients.map((client, index) => [CHANNELS[index] ?? '', new Heard(client)]));
  traffic = publishNumbered(publisher(cluster.client), CHANNELS);
  await eventually(() => [...heard.values()].every(({ items }) => items.length > 20));
});
afterEach(async () => {
  await traffic.stop();
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  for (const node of cluster.nodes) await node.start();
  await cluster.settled();
});

async function ready(): Promise<boolean> {
  return (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
}

/** The channels that a node serves, and the others. */
async function channelsOf(node: ClusterNode): Promise<[readonly string[], readonly string[]]> {
  const owners = await Promise.all(CHANNELS.map((channel) => cluster.ownerOf(channel)));
  const isOn = (_: string, index: number): boolean => owners[index] === node;
  return [CHANNELS.filter(isOn), CHANNELS.filter((channel, index) => !isOn(channel, index))];
}

function heardOn(channels: readonly string[]): readonly Heard[] {
  return channels.map((channel) => heard.get(channel)).filter((one) => one !== undefined);
}

/** Resolves once each of these channels had a gap and delivers again. */
async function deliveredAgain(channels: readonly string[]): Promise<void> {
  await eventually(() => heardOn(channels).every(({ gaps, sinceGap }) => gaps.length > 0 && sinceGap > 20));
}

/** After the traffic: no socket was closed, no frame is missing untold, and only these channels had gaps. */
async function expectNothingSilent(lost: readonly string[], inOrder = true): Promise<void> {
  await traffic.stop();
  const last = (channel: string): number | undefined => traffic.confirmed.get(channel)?.at(-1);
  await eventually(() => CHANNELS.every((channel) => heard.get(channel)?.items.includes(last(channel) ?? 0)));
  for (const [channel, { items, gaps, closed }] of heard) {
    const { silent, twice, late } = faultsOf(items, traffic.confirmed.get(channel) ?? []);
    expect({ channel, closed, silent, twice }).toEqual({ channel, closed: false, silent: [], twice: [] });
    if (inOrder) expect({ channel, late }).toEqual({ channel, late: [] });
    expect(new Set(gaps)).toEqual(new Set(lost.includes(channel) ? ['redis'] : []));
  }
}

describe('a bridge on a cluster, under traffic', () => {
  it('follows a slot to another master, back, and away again', async () => {
    const home = await cluster.ownerOf('ai:stream:s1');
    const [, elsewhere] = await channelsOf(home);
    const away = await cluster.ownerOf(elsewhere[0] ?? '');
    for (const [index, node] of [away, home, away, home].entries()) {
      const startedAt = Date.now();
      await cluster.moveSlot('ai:stream:s1', node);
      await eventually(() => (heard.get('ai:stream:s1')?.gaps.length ?? 0) > index);
      await deliveredAgain(['ai:stream:s1']);
      expectBackInTime(startedAt, 'the slot began to move');
    }
    await expectNothingSilent(['ai:stream:s1']);
  });

  it('outlives the death of a master: its channels get a gap and go on, the others notice nothing', async () => {
    const victim = await cluster.ownerOf('ai:stream:s1');
    const [lost, kept] = await channelsOf(victim);
    const killedAt = Date.now();
    await victim.kill();
    await eventually(() => bridge.logLines.some((line) => line.includes('redis connection lost')));
    const refused = await askUpgrade(`${bridge.url}/ws/ai/chat?session=s1`, await headersFor(ALICE));
    expect(refused.status).toBe(503);
    await eventually(() => heardOn(lost).every(({ gaps }) => gaps.length > 0));
    process.stdout.write(`gap told ${Date.now() - killedAt} ms after kill -9\n`);
    await deliveredAgain(lost);
    expectBackInTime(killedAt, `kill -9 (node timeout ${NODE_TIMEOUT_MS} ms)`);
    await expectNothingSilent(lost);
    expect(kept.length).toBeGreaterThan(0);
    await eventually(ready);
  });

  it('outlives the restart of a master that nobody replaces meanwhile', async () => {
    const victim = await cluster.ownerOf('ai:stream:s1');
    const [lost] = await channelsOf(victim);
    const killedAt = Date.now();
    await victim.kill();
    await victim.start();
    await deliveredAgain(lost);
    expectBackInTime(killedAt, 'kill -9 and a start');
    await expectNothingSilent(lost);
  });

  it('outlives a master that hangs, and does not believe it when it comes back', async () => {
    const victim = await cluster.ownerOf('ai:stream:s1');
    const [lost] = await channelsOf(victim);
    const hungAt = Date.now();
    process.kill(victim.pid, 'SIGSTOP');
    try {
      await deliveredAgain(lost);
      expectBackInTime(hungAt, 'SIGSTOP');
    } finally {
      process.kill(victim.pid, 'SIGCONT');
    }
    // A publisher that still takes the old master for one publishes through it: a replica passes it on, later.
    await expectNothingSilent(lost, false);
  });

  it('follows a manual failover', async () => {
    const before = await cluster.ownerOf('ai:stream:s1');
    const [lost] = await channelsOf(before);
    const { to, askedAt } = await cluster.failOver('ai:stream:s1');
    await deliveredAgain(lost);
    expectBackInTime(askedAt, 'CLUSTER FAILOVER');
    expect(await cluster.ownerOf('ai:stream:s1')).toBe(to);
    // A publisher that still takes the old master for one publishes through it: a replica passes it on, later.
    await expectNothingSilent(lost, false);
  });
});
