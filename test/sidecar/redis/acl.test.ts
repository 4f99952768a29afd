import assert from 'node:assert/strict';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { publisher, type Publish } from '../../../sidecar/publish';
import { documentedUser } from '../../fakes/documented-user';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startRedis } from '../../fakes/redis-server';
import { connect, connectCounting, EMPTY, eventually, startBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob', jti: 'of-bob' };

jest.setTimeout(60_000);

interface Setup {
  readonly url: string;
  readonly user: readonly string[];
  /** Every server, for the test, as the user who may do all. */
  readonly servers: readonly Redis[];
  readonly publish: Publish;
  stop(): Promise<void>;
}

async function oneServer(): Promise<Setup> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  return {
    url: `redis://ws-bridge:secret@127.0.0.1:${redis.port}`,
    user: documentedUser('ws-bridge', '+subscribe'),
    servers: [client],
    publish: publisher(client),
    stop: async () => {
      client.disconnect();
      await redis.stop();
    },
  };
}

async function sixNodes(): Promise<Setup> {
  const cluster = await startRedisCluster();
  return {
    url: cluster.url.replace('://', '://ws-bridge:secret@'),
    user: documentedUser('ws-bridge', '+ssubscribe'),
    servers: cluster.nodes.map((node) => node.redis),
    publish: publisher(cluster.client),
    stop: () => cluster.stop(),
  };
}

describe.each([
  ['one server', oneServer],
  ['a cluster', sixNodes],
])('with the documented user of %s', (_, start) => {
  it('the bridge does all it does, is denied nothing, and needs every right', async () => {
    const setup = await start();
    for (const server of setup.servers) {
      await server.call('ACL', 'SETUSER', ...setup.user);
      await server.config('RESETSTAT');
    }
    const env = { BRIDGE_PROBE_INTERVAL_MS: '200', BRIDGE_REDIS_TOPOLOGY_INTERVAL_MS: '200' };
    const [here, there] = [await startBridge(setup.url, env), await startBridge(setup.url, env)];
    for (const { adminUrl } of [here, there]) {
      await eventually(async () => (await fetch(`${adminUrl}/readyz`)).status === 200);
    }

    const chat = await connectCounting(`${here.url}/ws/ai/chat?session=s1`, ALICE);
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    chat.send('{"type":"ask"}');
    await setup.publish('ai:stream:s1', 'token');
    expect(await chat.next()).toBe('token');
    await chat.client.cut();
    await setup.publish('ai:stream:s1', 'missed');
    const again = await connectCounting(`${here.url}/ws/ai/chat?session=s1`, ALICE, chat.point);
    expect([again.ready.resumed, await again.next()]).toEqual([true, 'missed']);
    await again.client.cut();
    await setup.publish('ai:stream:s1', 'handed over');
    const moved = await connectCounting(`${there.url}/ws/ai/chat?session=s1`, ALICE, again.point);
    expect([moved.ready.resumed, await moved.next()]).toEqual([true, 'handed over']);

    const inbox = await connect(`${here.url}/ws/notifications`, ALICE);
    const board = await connect(`${here.url}/ws/bi/dashboards/d1`, ALICE);
    await setup.publish('acme:notifications', 'n1');
    await setup.publish('acme:notifications:alice', 'n2');
    await setup.publish('acme:dashboard:refresh:d1', 'b1');
    expect([await inbox.nextText(), await inbox.nextText(), await board.nextText()]).toEqual([
      'n1',
      'n2',
      'b1',
    ]);
    const [peer, other] = [
      await connect(`${here.url}/ws/collaboration/x`, ALICE),
      await connect(`${there.url}/ws/collaboration/x`, BOB),
    ];
    peer.socket.send('edit');
    expect(await other.nextText()).toBe('edit');
    await setup.publish('ws:control', '{"type":"revoke","jti":"of-bob"}');
    expect(await other.closed).toBe(4401);
    await Promise.all([inbox.close(), board.close(), peer.close()]);

    for (const { bridge } of [here, there]) {
      await bridge.close();
      assert.deepEqual(bridge.openState(), EMPTY);
    }
    const denied = await Promise.all(setup.servers.map((server) => server.acl('LOG')));
    expect(denied.flat()).toEqual([]);
    const used = await commandsUsed(setup.servers);
    const rights = setup.user.filter((rule) => rule.startsWith('+')).map((rule) => rule.slice(1));
    expect(rights.filter((right) => !used.has(right) && !RARE.includes(right))).toEqual([]);
    await setup.stop();
  });
});

/** Needed only while a slot moves, and when a replica becomes a master. */
const RARE = ['asking', 'readwrite'];

async function commandsUsed(servers: readonly Redis[]): Promise<ReadonlySet<string>> {
  const stats = await Promise.all(servers.map((server) => server.info('commandstats')));
  return new Set(
    stats.flatMap((text) => [...text.matchAll(/cmdstat_([^:]+):calls=[1-9]/g)].map(([, name = '']) => name)),
  );
}
