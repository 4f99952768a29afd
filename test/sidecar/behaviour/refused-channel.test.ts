import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startRedis } from '../../fakes/redis-server';
import { askUpgrade, connect, connectCounting, EMPTY, eventually, headersFor, startBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'globex', user: 'eve' };

/** The user of the bridge, who may hear these tenants' channels. */
function rights(...tenants: readonly string[]): readonly string[] {
  const channels = ['ai:stream:*', 'ws:*', ...tenants.map((tenant) => `${tenant}:*`)];
  return [
    'bridge',
    'reset',
    'on',
    '>pw',
    '~*',
    '+@all',
    'resetchannels',
    ...channels.map((one) => `&${one}`),
  ];
}

async function oneServer() {
  const server = await startRedis();
  const admin = new Redis(server.url);
  return {
    url: `redis://bridge:pw@127.0.0.1:${server.port}`,
    allow: async (...tenants: string[]) => {
      await admin.call('ACL', 'SETUSER', ...rights(...tenants));
    },
    publish: (channel: string) => admin.publish(channel, 'x'),
    stop: async () => {
      admin.disconnect();
      await server.stop();
    },
  };
}

async function aCluster() {
  const cluster = await startRedisCluster();
  return {
    url: cluster.url.replace('://', '://bridge:pw@'),
    allow: async (...tenants: string[]) => {
      for (const { redis } of cluster.nodes) await redis.call('ACL', 'SETUSER', ...rights(...tenants));
    },
    publish: (channel: string) => cluster.client.spublish(channel, 'x'),
    stop: () => cluster.stop(),
  };
}

describe.each([
  ['one server', oneServer],
  ['a cluster', aCluster],
])('a channel that the ACL of %s no longer allows', (_, start) => {
  it('costs its members 4403 and nobody else anything; the log says why', async () => {
    const redis = await start();
    await redis.allow('acme', 'globex');
    const bridge = await startBridge(redis.url);
    const ready = async (): Promise<boolean> => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
    await eventually(ready);
    const plain = await connect(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
    const counting = await connectCounting(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
    const [eve, countingEve] = [
      await connect(`${bridge.url}/ws/bi/dashboards/d`, EVE),
      await connectCounting(`${bridge.url}/ws/bi/dashboards/d`, EVE),
    ];
    await redis.allow('acme');
    expect([await eve.closed, await countingEve.client.closed]).toEqual([4403, 4403]);
    await eventually(ready);
    await eventually(async () => Number(await redis.publish('acme:dashboard:refresh:d')) > 0);
    expect(await plain.nextText()).toBe('x');
    const refused = await askUpgrade(`${bridge.url}/ws/bi/dashboards/d`, await headersFor(EVE));
    expect(refused).toMatchObject({ status: 403, body: '{"message":"Redis does not allow the channel"}' });
    const admitted = await askUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
    expect(admitted.status).toBe(101);
    const told = bridge.logLines.filter((line) => line.includes('redis refuses a channel'));
    expect(told.join()).toContain('NOPERM');
    await Promise.all([plain.close(), counting.client.close()]);
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
    await redis.stop();
  }, 60_000);
});
