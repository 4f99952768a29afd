import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { connectService, token } from '../../../service/src/index';
import { publisher, type Publish } from '../../../sidecar/redis/publish';
import { appendTo } from '../../fakes/append-and-publish';
import { makeOwnFolder } from '../../fakes/own-folder';
import { documentedUser } from '../../fakes/documented-user';
import { askedByScripts, needlessRules, recordAsked } from '../../fakes/asked-of-redis';
import { startRedisCluster, type RedisCluster } from '../../fakes/redis-cluster';
import { startRedis } from '../../fakes/redis-server';
import { connect, connectCounting, EMPTY, eventually, startBridge, type TestBridge } from '../fixture';

const GUIDE = readFileSync(join(__dirname, '../../../docs/redis.md'), 'utf8');

/** A routes file with a chat that has more than the built-in one. */
function chatRoutes(more: object): string {
  const chat = {
    name: 'ai-chat',
    path: '/ws/ai/chat',
    channels: ['ai:stream:{session}'],
    messages: 'commands',
    session: true,
    ...more,
  };
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  writeFileSync(file, JSON.stringify({ routes: [chat] }));
  return file;
}

/** A routes file with documents whose cells may be locked. */
function documentRoutes(): string {
  const route = { name: 'doc', path: '/ws/collaboration/{id}', channels: ['{tenant}:collaboration:{id}'] };
  const file = join(makeOwnFolder('routes-').path, 'routes.json');
  writeFileSync(file, JSON.stringify({ routes: [{ ...route, messages: 'relay', locks: true }] }));
  return file;
}

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob', jti: 'of-bob' };

jest.setTimeout(120_000);

interface Setup {
  readonly url: string;
  readonly user: readonly string[];
  /** Every server, for the test, as the user who may do all. */
  readonly servers: readonly Redis[];
  readonly publish: Publish;
  /** Lets the bridge ask what it asks only then; `done` says that it has. */
  disturb(bridge: TestBridge, done: () => boolean): Promise<void>;
  stop(): Promise<void>;
}

async function oneServer(prefix: string): Promise<Setup> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  return {
    url: `redis://ws-bridge:secret@127.0.0.1:${redis.port}`,
    user: withPrefix(documentedUser('ws-bridge', '+subscribe'), prefix),
    servers: [client],
    publish: publisher(client),
    disturb: () => Promise.resolve(),
    stop: async () => {
      client.disconnect();
      await redis.stop();
    },
  };
}

async function sixNodes(prefix: string): Promise<Setup> {
  const cluster = await startRedisCluster();
  return {
    url: cluster.url.replace('://', '://ws-bridge:secret@'),
    user: withPrefix(documentedUser('ws-bridge', '+ssubscribe'), prefix),
    servers: cluster.nodes.map((node) => node.redis),
    publish: publisher(cluster.client),
    disturb: (bridge, done) => moveAndFailOver(cluster, prefix, bridge, done),
    stop: () => cluster.stop(),
  };
}

/** The same rights over names with a prefix and no others, as docs/redis.md says it. */
function withPrefix(rules: readonly string[], prefix: string): readonly string[] {
  return rules.map((rule) =>
    rule.replace('{ai:commands}', `{${prefix}ai:commands}`).replace(/^(?:%R)?[~&]/, (kind) => kind + prefix),
  );
}

// Redis itself judges each key and each channel: with the prefix no name may lack it.
describe.each([
  ['one server', '', oneServer],
  ['one server, and the prefix "staging:"', 'staging:', oneServer],
  ['a cluster', '', sixNodes],
  ['a cluster, and the prefix "staging:"', 'staging:', sixNodes],
])('with the documented user of %s', (_, prefix, start) => {
  it('the bridge does all it does, is denied nothing, and needs every right', async () => {
    const setup = await start(prefix);
    const publish = (name: string, message: string) => setup.publish(prefix + name, message);
    for (const server of setup.servers) {
      await server.call('ACL', 'SETUSER', ...setup.user);
      await server.config('RESETSTAT');
    }
    const scripts = await Promise.all(setup.servers.map(askedByScripts));
    const sent = recordAsked('ws-bridge');
    const env = {
      BRIDGE_REDIS_TIMEOUT_MS: '2000',
      // A connection that carries probes, or is looked at, is never asked with PING.
      BRIDGE_PROBE_INTERVAL_MS: '20000',
      BRIDGE_REDIS_TOPOLOGY_INTERVAL_MS: '10000',
      BRIDGE_CHANNEL_PREFIX: prefix,
    };
    // A stream so small that a few commands are more than it keeps.
    const small = { BRIDGE_COMMAND_STREAM_MAX_BYTES: '65536', BRIDGE_COMMAND_TENANT_BYTES: '0' };
    const [here, there] = [
      await startBridge(setup.url, { ...env, ...small }),
      await startBridge(setup.url, env),
    ];
    for (const { adminUrl } of [here, there]) {
      await eventually(async () => (await fetch(`${adminUrl}/readyz`)).status === 200);
    }

    const chat = await connectCounting(`${here.url}/ws/ai/chat?session=s1`, ALICE);
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    const long = 'x'.repeat(20_000);
    for (const id of ['c2', 'c3', 'c4', 'c5']) {
      chat.send(JSON.stringify({ type: 'ask', data: long, id }));
      expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id } });
    }
    chat.send('{"type":"ask"}');
    await publish('ai:stream:s1', 'token');
    expect(await chat.next()).toBe('token');
    await chat.client.cut();
    await publish('ai:stream:s1', 'missed');
    const again = await connectCounting(`${here.url}/ws/ai/chat?session=s1`, ALICE, chat.point);
    expect([again.ready.resumed, await again.next()]).toEqual([true, 'missed']);
    await again.client.cut();
    await publish('ai:stream:s1', 'handed over');
    const moved = await connectCounting(`${there.url}/ws/ai/chat?session=s1`, ALICE, again.point);
    expect([moved.ready.resumed, await moved.next()]).toEqual([true, 'handed over']);

    // Counted as its tenant's share of the stream.
    moved.send('{"type":"ask","id":"c6"}');
    expect(await moved.next()).toEqual({ type: 'bridge.ack', data: { id: 'c6' } });

    const inbox = await connect(`${here.url}/ws/notifications`, ALICE);
    const board = await connect(`${here.url}/ws/bi/dashboards/d1`, ALICE);
    await publish('acme:notifications', 'n1');
    await publish('acme:notifications:alice', 'n2');
    await publish('acme:dashboard:refresh:d1', 'b1');
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
    await publish('ws:control', '{"type":"list","id":"q1","reply":"r1","tenant":"acme"}');
    await publish('ws:control', '{"type":"revoke","jti":"of-bob"}');
    expect(await other.closed).toBe(4401);
    await Promise.all([inbox.close(), board.close(), peer.close()]);

    await eventually(() => sent.hasAsked('ping'));
    await setup.disturb(here, () => sent.hasAsked('readwrite'));
    for (const { bridge } of [here, there]) {
      await bridge.close();
      assert.deepEqual(bridge.openState(), EMPTY);
    }
    const denied = await Promise.all(setup.servers.map((server) => server.acl('LOG')));
    expect(denied.flat()).toEqual([]);
    const asked = [...sent.asked(), ...scripts.flatMap((one) => one.asked())];
    for (const recording of [sent, ...scripts]) recording.stop();
    expect(await needlessRules(await masterOf(setup.servers), setup.user, asked)).toEqual([]);
    await setup.stop();
  });
});

/** A key that is on its way to another master is asked for there, with ASKING; a new master is told READWRITE. */
async function moveAndFailOver(
  cluster: RedisCluster,
  prefix: string,
  { url }: TestBridge,
  done: () => boolean,
): Promise<void> {
  const key = `${prefix}ai:session:moving`;
  const from = await cluster.ownerOf(key);
  const owners = await Promise.all(['a', 'b', 'c', 'd'].map((other) => cluster.ownerOf(other)));
  const to = owners.find((owner) => owner !== from) ?? from;
  await cluster.startMove(key, to);
  await (await connect(`${url}/ws/ai/chat?session=moving`, ALICE)).close();
  await cluster.moveSlot(key, to);
  await cluster.failOver(key);
  await eventually(done);
}

async function masterOf(servers: readonly Redis[]): Promise<Redis> {
  for (const server of servers) if ((await server.info('replication')).includes('role:master')) return server;
  throw new Error('expected a master');
}

describe('the documented user of a service that keeps the states of dashboards', () => {
  it('may set and publish in one step, and needs every rule', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const user = documentedUser('dashboards', '+publish');
    await admin.call('ACL', 'SETUSER', ...user);
    const bridge = await startBridge(redis.url);
    const sent = recordAsked('dashboards');
    const service = new Redis({
      port: redis.port,
      username: 'dashboards',
      password: 'secret',
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    const url = `${bridge.url}/ws/bi/dashboards/d1`;
    const early = await connect(url, ALICE);
    const step = service.multi().set('acme:dashboard:state:d1', 'figures', 'EX', 60);
    await step.publish('acme:dashboard:refresh:d1', 'figures').exec();
    const late = await connect(url, BOB);
    expect([await early.nextText(), await late.nextText()]).toEqual(['figures', 'figures']);
    expect(await admin.acl('LOG')).toEqual([]);
    expect(await needlessRules(admin, user, sent.asked())).toEqual([]);
    await bridge.bridge.close();
    for (const connection of [service, admin]) connection.disconnect();
    sent.stop();
    await redis.stop();
  });
});

describe('the documented users of a channel with a history', () => {
  it('let a service append and a bridge read, and need every rule', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const user = documentedUser('ai-service-history', '+publish');
    await admin.call('ACL', 'SETUSER', ...user);
    const documented = /For a route with a `history`[^]*?`(~\S+ \+\S+)`/.exec(GUIDE)?.[1] ?? '';
    const more = documented.split(' ');
    await admin.call('ACL', 'SETUSER', ...documentedUser('ws-bridge', '+subscribe'), ...more);
    const env = { BRIDGE_ROUTES_FILE: chatRoutes({ history: { key: 'ai:history:{session}' } }) };
    const bridgeUrl = `redis://ws-bridge:secret@127.0.0.1:${redis.port}`;
    const [here, there] = [await startBridge(bridgeUrl, env), await startBridge(bridgeUrl, env)];
    const sent = recordAsked('ai-service-history');
    const service = new Redis({
      port: redis.port,
      username: 'ai-service-history',
      password: 'secret',
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    const append = appendTo(service);
    const chat = await connectCounting(`${here.url}/ws/ai/chat?session=s1`, ALICE);
    const scripts = await askedByScripts(admin);
    await append('ai:history:s2', 'ai:stream:s2', 'of a history that it begins');
    await eventually(() => scripts.asked().some(([name]) => name?.toLowerCase() === 'publish'));
    scripts.stop();
    await append('ai:history:s1', 'ai:stream:s1', 'answer');
    expect(await chat.next()).toBe('answer');
    await chat.client.cut();
    await append('ai:history:s1', 'ai:stream:s1', 'missed');
    const back = await connectCounting(`${there.url}/ws/ai/chat?session=s1`, ALICE, chat.point);
    expect([back.ready.resumed, await back.next()]).toEqual([true, 'missed']);
    expect(await admin.acl('LOG')).toEqual([]);
    expect(await needlessRules(admin, user, [...sent.asked(), ...scripts.asked()])).toEqual([]);
    for (const rule of more) {
      const without = [...documentedUser('ws-bridge', '+subscribe'), ...more.filter((one) => one !== rule)];
      await admin.call('ACL', 'SETUSER', ...without);
      const refused = connectCounting(`${there.url}/ws/ai/chat?session=s3`, ALICE);
      await expect(refused).rejects.toThrow('503');
    }
    await Promise.all([here, there].map(({ bridge }) => bridge.close()));
    for (const connection of [service, admin]) connection.disconnect();
    sent.stop();
    await redis.stop();
  });
});

describe('the documented rules of a bridge that tells who listens', () => {
  it('let it tell of listeners who come and go, and of a bridge that died, and are all needed', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const more = /For a route with `presence`[^]*?```\n(~[^`]+)\n```/.exec(GUIDE)?.[1]?.split(' ') ?? [];
    const user = [...documentedUser('ws-bridge', '+subscribe'), ...more];
    await admin.call('ACL', 'SETUSER', ...user);
    const scripts = await askedByScripts(admin);
    const env = {
      BRIDGE_ROUTES_FILE: chatRoutes({ presence: true }),
      BRIDGE_PRESENCE_LINGER_MS: '1000',
    };
    // One that died long ago.
    await admin.zadd('{ws:presence}:.bridges', 1, 'dead.1');
    await admin.zadd('{ws:presence}:.hearing', 0, 'dead.1 ["chat","t","c","{}"]');
    await admin.hset('{ws:presence}:.topics', '["chat","t","c","{}"]', 1);
    const bridge = await startBridge(`redis://ws-bridge:secret@127.0.0.1:${redis.port}`, env);
    const listener = await connect(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    // One who goes while a call to Redis is under way was never told of.
    await eventually(async () => (await admin.xrange('ws:presence', '-', '+')).flat(2).includes('joined'));
    await listener.close();
    await eventually(async () => (await admin.xlen('ws:presence')) === 3);
    expect(await admin.acl('LOG')).toEqual([]);
    const others = documentedUser('ws-bridge', '+subscribe').slice(1);
    const needless = await needlessRules(admin, user, scripts.asked());
    expect(needless.filter((rule) => !others.includes(rule))).toEqual([]);
    await bridge.bridge.close();
    scripts.stop();
    admin.disconnect();
    await redis.stop();
  });
});

describe('the rights that a route with locks needs', () => {
  it('let it lock, renew, list and free, and are all needed', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const more = /For a route with `locks`[^]*?```\n(~[^`]+)\n```/.exec(GUIDE)?.[1]?.split(' ') ?? [];
    const user = [...documentedUser('ws-bridge', '+subscribe'), ...more];
    await admin.call('ACL', 'SETUSER', ...user);
    const scripts = await askedByScripts(admin);
    const bridge = await startBridge(`redis://ws-bridge:secret@127.0.0.1:${redis.port}`, {
      BRIDGE_ROUTES_FILE: documentRoutes(),
      BRIDGE_LOCK_LEASE_MS: '3000',
      BRIDGE_MAX_LOCKS_PER_DOCUMENT: '1',
    });
    // One whose bridge died long ago.
    const channel = 'acme:collaboration:d1';
    await admin.hset(`ws:lock:{acme}:of:${channel}`, 'A1', '1 1 h ana');
    await admin.zadd('ws:lock:{acme}:all', 1, `A1\n${channel}`);
    const client = await connectCounting(`${bridge.url}/ws/collaboration/d1`, ALICE);
    client.send('{"type":"bridge.lock","data":{"name":"B7"}}');
    for (let answer = await client.next(); typeof answer === 'string' || answer.type !== 'bridge.locked';)
      answer = await client.next();
    await eventually(() => scripts.asked().filter(([name]) => name === 'ZADD').length > 1);
    client.send('{"type":"bridge.unlock","data":{"name":"B7"}}');
    await eventually(async () => (await admin.exists(`ws:lock:{acme}:of:${channel}`)) === 0);
    expect(await admin.acl('LOG')).toEqual([]);
    const others = documentedUser('ws-bridge', '+subscribe').slice(1);
    const needless = await needlessRules(admin, user, scripts.asked());
    expect(needless.filter((rule) => !others.includes(rule))).toEqual([]);
    await client.client.close();
    await bridge.bridge.close();
    scripts.stop();
    admin.disconnect();
    await redis.stop();
  });
});

describe('the documented user of a service that answers AI chats by hand', () => {
  it('may read commands and publish answers, and needs every rule', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const user = documentedUser('ai-service', '+xautoclaim');
    await admin.call('ACL', 'SETUSER', ...user);
    const bridge = await startBridge(redis.url);
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    const sent = recordAsked('ai-service');
    const service = new Redis({
      port: redis.port,
      username: 'ai-service',
      password: 'secret',
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    await service.xgroup('CREATE', 'ai:commands', 'answers', '0', 'MKSTREAM');
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    const group = ['GROUP', 'answers', 'one', 'STREAMS', 'ai:commands', '>'] as const;
    const read = await service.xreadgroup(...group);
    const id = read?.[0]?.[1][0]?.[0] ?? '';
    await service.publish('ai:stream:s1', 'answer');
    expect(await chat.next()).toBe('answer');
    // Another worker takes over what one that died had read.
    expect(await service.xpending('ai:commands', 'answers')).toEqual([1, id, id, [['one', '1']]]);
    expect(await service.xclaim('ai:commands', 'answers', 'two', 0, id, 'JUSTID')).toEqual([id]);
    await service.xautoclaim('ai:commands', 'answers', 'three', 0, '0');
    expect(await service.xack('ai:commands', 'answers', id)).toBe(1);
    expect(await service.xinfo('CONSUMERS', 'ai:commands', 'answers')).toHaveLength(3);
    await service.xgroup('DELCONSUMER', 'ai:commands', 'answers', 'one');
    expect(await service.xinfo('GROUPS', 'ai:commands')).toHaveLength(1);
    expect(await admin.acl('LOG')).toEqual([]);
    expect(await needlessRules(admin, user, sent.asked())).toEqual([]);
    await bridge.bridge.close();
    for (const connection of [service, admin]) connection.disconnect();
    sent.stop();
    await redis.stop();
  });
});

describe('the documented user of a service that answers AI chats with ws-bridge-service', () => {
  it('may do all that it does, and needs every rule', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const user = documentedUser('ai-service', '+evalsha');
    await admin.call('ACL', 'SETUSER', ...user);
    const sent = recordAsked('ai-service');
    const scripts = await askedByScripts(admin);
    const options = { username: 'ai-service', password: 'secret', enableReadyCheck: false };
    const connection = new Redis({ port: redis.port, ...options, disableClientInfo: true });
    const faults: unknown[] = [];
    const onFault = (cause: unknown): number => faults.push(cause);
    const given = { redis: connection, group: 'answers', leaseMs: 3000, onFault };
    const command = (type: string, id: string, data = 'null') =>
      admin.xadd(
        'ai:commands',
        '*',
        ...['tenant', 't', 'session', 's1', 'type', type, 'id', id, 'data', data],
      );
    // Another worker takes over what one that died had read, and forgets that one.
    await admin.xgroup('CREATE', 'ai:commands', 'answers', '0', 'MKSTREAM');
    await command('ask', 'c1');
    await admin.xreadgroup('GROUP', 'answers', 'dead', 'STREAMS', 'ai:commands', '>');
    const ends: string[] = [];
    const service = connectService({
      ...given,
      concurrency: 1,
      onAnswer: ({ command: { id = '' }, outcome }) => ends.push(`${id} ${outcome}`),
    });
    service.answer('ask', async function* ({ id }, { signal }) {
      yield token('a');
      while (!signal.aborted && id === 'c2') await delay(5);
    });
    await command('ask', 'c2');
    await eventually(async () => ((await admin.xpending('ai:commands', 'answers')) as [number])[0] === 2);
    await command('cancel', 'x1', '{"id":"c2"}');
    await eventually(() => ends.length === 2);
    expect(ends.sort()).toEqual(['c1 complete', 'c2 CANCELLED']);
    const consumers = async (): Promise<number> =>
      ((await admin.xinfo('CONSUMERS', 'ai:commands', 'answers')) as unknown[]).length;
    await eventually(async () => (await consumers()) === 1);
    await service.close();
    expect(await admin.acl('LOG')).toEqual([]);
    expect(faults).toEqual([]);
    const asked = [...sent.asked(), ...scripts.asked()];
    expect(await needlessRules(admin, user, asked)).toEqual([]);
    for (const one of [connection, admin]) one.disconnect();
    for (const recording of [sent, scripts]) recording.stop();
    await redis.stop();
  });
});

describe('the documented rules of a service that hears who listens', () => {
  it('let it read the stream, and are all needed', async () => {
    const redis = await startRedis();
    const admin = new Redis(redis.url);
    const more = /With `unheardMs`, and for `onPresence`[^]*?```\n(%R~[^`]+)\n```/.exec(GUIDE)?.[1] ?? '';
    const user = ['listener', 'on', '>secret', 'resetchannels', 'resetkeys', '-@all', ...more.split(' ')];
    await admin.call('ACL', 'SETUSER', ...user);
    const sent = recordAsked('listener');
    const options = { username: 'listener', password: 'secret', enableReadyCheck: false };
    const connection = new Redis({ port: redis.port, ...options, disableClientInfo: true });
    const faults: unknown[] = [];
    const service = connectService({ redis: connection, onFault: (cause) => faults.push(cause) });
    const told: string[] = [];
    service.onPresence(({ type }) => told.push(type), { from: 'oldest' });
    service.onPresence(() => undefined);
    const entry = { type: 'joined', tenant: 't', route: 'r', channel: 'c', params: '{}' };
    await admin.xadd('ws:presence', '*', ...Object.entries(entry).flat());
    await eventually(() => told.length === 1 && sent.hasAsked('xrevrange'));
    expect([await admin.acl('LOG'), faults]).toEqual([[], []]);
    expect(await needlessRules(admin, user, sent.asked())).toEqual([]);
    await service.close();
    sent.stop();
    for (const one of [connection, admin]) one.disconnect();
    await redis.stop();
  });
});
