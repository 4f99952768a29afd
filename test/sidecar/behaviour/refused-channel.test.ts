import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { deferred } from '../../../sidecar/lib/promises';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startRedis } from '../../fakes/redis-server';
import { askUpgrade, connect, connectCounting, EMPTY, eventually, headersFor, startBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'globex', user: 'eve' };
const OTHER_BRIDGE = 'fedcba9876543210';

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
  const [admin, ear] = [new Redis(server.url), new Redis(server.url)];
  return {
    url: `redis://bridge:pw@127.0.0.1:${server.port}`,
    allow: async (...tenants: string[]) => {
      await admin.call('ACL', 'SETUSER', ...rights(...tenants));
    },
    publish: (channel: string, text = 'x') => admin.publish(channel, text),
    hear: async (channel: string, onText: (text: string) => void) => {
      await ear.subscribe(channel);
      ear.on('message', (_, text) => {
        onText(text);
      });
    },
    stop: async () => {
      for (const client of [admin, ear]) client.disconnect();
      await server.stop();
    },
  };
}

async function aCluster() {
  const cluster = await startRedisCluster({ isSteady: true });
  const ears: Redis[] = [];
  return {
    url: cluster.url.replace('://', '://bridge:pw@'),
    allow: async (...tenants: string[]) => {
      for (const { redis } of cluster.nodes) await redis.call('ACL', 'SETUSER', ...rights(...tenants));
    },
    publish: (channel: string, text = 'x') => cluster.client.spublish(channel, text),
    hear: async (channel: string, onText: (text: string) => void) => {
      const { redis } = await cluster.ownerOf(channel);
      const ear = redis.duplicate();
      ears.push(ear);
      await ear.ssubscribe(channel);
      ear.on('smessage', (_, text: string) => {
        onText(text);
      });
    },
    stop: () => {
      for (const ear of ears) ear.disconnect();
      return cluster.stop();
    },
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

  it('refuses the upgrade that was on its way, which would hear nothing', async () => {
    const redis = await start();
    await redis.allow('acme', 'globex');
    const bridge = await startBridge(redis.url, {
      BRIDGE_HANDOVER_TIMEOUT_MS: '60000',
      BRIDGE_HANDSHAKE_TIMEOUT_MS: '60000',
    });
    const ready = async (): Promise<boolean> => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
    await eventually(ready);
    // Another bridge is asked for what the client missed, and takes its time.
    const asked = deferred<{ readonly id: string; readonly from: string }>();
    await redis.hear(`ws:bridge:${OTHER_BRIDGE}`, (text) => {
      asked.resolve(JSON.parse(text) as { readonly id: string; readonly from: string });
    });
    const headers = { ...(await headersFor(EVE)), 'Sec-WebSocket-Protocol': 'bridge.v1' };
    const answer = askUpgrade(`${bridge.url}/ws/bi/dashboards/d?resume=${OTHER_BRIDGE}_1.0`, headers);
    const { id, from } = await asked.promise;
    await redis.allow('acme');
    await eventually(() => bridge.logLines.some((line) => line.includes('redis refuses a channel')));
    await eventually(ready);
    await redis.publish(`ws:bridge:${from}`, JSON.stringify({ type: 'refused', id, reason: 'unknown' }));
    expect(await answer).toMatchObject({
      status: 403,
      body: '{"message":"Redis does not allow the channel"}',
    });
    await bridge.bridge.close();
    assert.deepEqual(bridge.bridge.openState(), EMPTY);
    await redis.stop();
  }, 60_000);
});
