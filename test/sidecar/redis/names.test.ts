import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseChannelTemplate } from '../../../sidecar/routes/channel-template';
import { keySlot } from '../../../redis/key-slot';
import { RedisNames } from '../../../sidecar/redis/names';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, EMPTY, headersFor, startBridge, UNPREFIXED, type TestBridge } from '../fixture';

// Whose tenant is "ws" could reach all of them through routes as these.
const ROUTES = [
  { name: 'any', path: '/ws/any/{id}', channels: ['{tenant}:{id}'], messages: 'relay' },
  {
    name: 'probe',
    path: '/ws/probe/{id}',
    channels: ['{tenant}:other', '{tenant}:probe:{id}'],
    messages: 'refuse',
  },
];

let folder: string;
let redis: RedisServer;
let bridge: TestBridge;
let prefixed: TestBridge;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'own-channels-'));
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ routes: ROUTES }));
  redis = await startRedis();
  bridge = await startBridge(redis.url, { BRIDGE_ROUTES_FILE: file });
  prefixed = await startBridge(redis.url, { BRIDGE_ROUTES_FILE: file, BRIDGE_CHANNEL_PREFIX: 'staging:' });
});
afterAll(async () => {
  for (const { bridge: each } of [bridge, prefixed]) {
    await each.close();
    assert.deepEqual(each.openState(), EMPTY);
  }
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function ask(path: string, tenant: string, at = bridge) {
  return askUpgrade(`${at.url}${path}`, await headersFor({ tenant, user: 'u' }));
}

describe("a route whose channels resolve to the bridges' own", () => {
  it.each(['/ws/any/control', '/ws/probe/0123456789abcdef'])(
    'at %s is refused with 403, with a prefix as well',
    async (path) => {
      for (const at of [bridge, prefixed]) {
        expect(await ask(path, 'ws', at)).toMatchObject({
          status: 403,
          body: '{"message":"the channel is the bridges\' own"}',
        });
      }
    },
  );

  it.each([
    ['/ws/any/control', 'acme'],
    ['/ws/any/controls', 'ws'],
    ['/ws/any/probe:x', 'ws'],
  ])('is served where they do not: %s of %s', async (path, tenant) => {
    expect(await ask(path, tenant)).toMatchObject({ status: 101 });
  });

  it.each(['', 'staging:'])(
    'is one of the control channel, and all for probes, bridges and marks, after "%s"',
    (prefix) => {
      const names = new RedisNames(prefix);
      const own = [
        names.control,
        names.probe('a'),
        names.bridge('a'),
        names.mark(`${prefix}a:b`),
        names.reply('a'),
      ];
      const others = ['ws:controlx', 'ws:probe', 'x:ws:control'].map((name) => prefix + name);
      expect([own, others].map((list) => list.filter((name) => names.isOwnChannel(name)))).toEqual([own, []]);
    },
  );
});

describe('the channel for marks', () => {
  it('has the other channel as its hash tag, so that both share a slot', () => {
    expect(UNPREFIXED.mark('acme:notifications')).toBe('ws:mark:{acme:notifications}');
  });

  it('has its hash tag when it has one', () => {
    expect(UNPREFIXED.mark('{acme}:notifications')).toBe('ws:mark:{acme}:notifications');
    expect(keySlot(UNPREFIXED.mark('{acme}:notifications'))).toBe(keySlot('{acme}:notifications:alice'));
  });
});

describe('a prefix', () => {
  const names = new RedisNames('staging:');
  const template = (text: string) => parseChannelTemplate(text) ?? { text, segments: [] };

  it('goes as it stands before every name', () => {
    expect([
      names.control,
      names.channel(template('{tenant}:notifications'), { tenant: 'a:b' }),
      names.probe('b1'),
      names.shardProbe('b1', 7),
      names.bridge('b1'),
      names.mark('staging:acme:notifications'),
      names.reply('r1'),
      names.handover('h1'),
      names.session('s1'),
      names.tenantConnections('acme'),
      names.userConnections('acme', 'u:1'),
      names.commandStream('ai:commands'),
      names.commandIds('staging:ai:commands', 's1'),
      names.formerCommandId('staging:ai:commands', 's1', 'c1'),
      names.commandLedger('staging:ai:commands'),
      names.tenantCommands('staging:ai:commands', 'a:b'),
      ...names.presenceKeys,
    ]).toEqual([
      'staging:ws:control',
      'staging:a%3Ab:notifications',
      'staging:ws:probe:b1',
      'staging:ws:probe:b1:{7}',
      'staging:ws:bridge:b1',
      'staging:ws:mark:{staging:acme:notifications}',
      'staging:ws:reply:r1',
      'staging:ws:handover:h1',
      'staging:ai:session:s1',
      'staging:ws:conn:{acme}',
      'staging:ws:conn:{acme}:u%3A1',
      'staging:ai:commands',
      'staging:{staging:ai:commands}:s1',
      'staging:{staging:ai:commands}:s1:c1',
      'staging:{staging:ai:commands}:.ledger',
      'staging:{staging:ai:commands}:.tenant:a%3Ab',
      'staging:ws:presence',
      'staging:{staging:ws:presence}:.bridges',
      'staging:{staging:ws:presence}:.hearing',
      'staging:{staging:ws:presence}:.topics',
      'staging:{staging:ws:presence}:.leaving',
      'staging:{staging:ws:presence}:.shares',
    ]);
  });

  it.each([
    ['a channel and its marks', names.channel(template('{tenant}:x'), { tenant: 'acme' })],
    ['a tagged channel and its marks', names.channel(template('{{tenant}}:x'), { tenant: 'acme' })],
  ])('leaves in one slot of a cluster %s', (_, channel) => {
    expect(keySlot(names.mark(channel))).toBe(keySlot(channel));
  });

  it('leaves in one slot of a cluster what one script changes', () => {
    const pairs = ['ai:commands', '{ai}:commands'].map((stream) => names.commandStream(stream));
    for (const stream of pairs) {
      const beside = [
        names.commandIds(stream, 's'),
        names.formerCommandId(stream, 's', 'c'),
        names.commandLedger(stream),
        names.tenantCommands(stream, 'acme'),
      ];
      expect(beside.map(keySlot)).toEqual(beside.map(() => keySlot(stream)));
    }
    const [stream = '', ...besideStream] = names.presenceKeys;
    expect(besideStream.map(keySlot)).toEqual(besideStream.map(() => keySlot(stream)));
    expect(names.isOwnKey(stream)).toBe(true);
    expect(keySlot(names.userConnections('acme', 'u'))).toBe(keySlot(names.tenantConnections('acme')));
    expect(keySlot(names.shardProbe('b', 7))).toBe(keySlot(UNPREFIXED.shardProbe('b', 7)));
  });
});

describe('the key with the bridges that keep the frames of a session', () => {
  it.each(['', 'staging:'])(
    'is the bridges’ own, and in the slot of the session’s owner, with the prefix "%s"',
    (prefix) => {
      const names = new RedisNames(prefix);
      const key = names.sessionBridges('s1');
      expect(key).toBe(`${prefix}ai:session:{${prefix}ai:session:s1}`);
      expect(keySlot(key)).toBe(keySlot(names.session('s1')));
      expect(names.isOwnKey(key)).toBe(true);
    },
  );
});
