import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bridgeChannel,
  CONTROL_CHANNEL,
  isOwnChannel,
  markChannel,
  probeChannel,
} from '../../sidecar/own-channels';
import { keySlot } from '../../sidecar/key-slot';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { askUpgrade, EMPTY, headersFor, startBridge, type TestBridge } from './fixture';

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

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'own-channels-'));
  const file = join(folder, 'routes.json');
  await writeFile(file, JSON.stringify({ routes: ROUTES }));
  redis = await startRedis();
  bridge = await startBridge(redis.url, { BRIDGE_ROUTES_FILE: file });
});
afterAll(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function ask(path: string, tenant: string) {
  return askUpgrade(`${bridge.url}${path}`, await headersFor({ tenant, user: 'u' }));
}

describe("a route whose channels resolve to the bridges' own", () => {
  it.each(['/ws/any/control', '/ws/probe/0123456789abcdef'])('at %s is refused with 403', async (path) => {
    expect(await ask(path, 'ws')).toMatchObject({
      status: 403,
      body: '{"message":"the channel is the bridges\' own"}',
    });
  });

  it.each([
    ['/ws/any/control', 'acme'],
    ['/ws/any/controls', 'ws'],
    ['/ws/any/probe:x', 'ws'],
  ])('is served where they do not: %s of %s', async (path, tenant) => {
    expect(await ask(path, tenant)).toMatchObject({ status: 101 });
  });

  it('is one of the control channel, and all for probes, bridges and marks', () => {
    const own = [CONTROL_CHANNEL, probeChannel('a'), bridgeChannel('a'), markChannel('a:b')];
    expect(own.every(isOwnChannel)).toBe(true);
    expect(['ws:controlx', 'ws:probe', 'x:ws:control'].some(isOwnChannel)).toBe(false);
  });
});

describe('the channel for marks', () => {
  it('has the other channel as its hash tag, so that both share a slot', () => {
    expect(markChannel('acme:notifications')).toBe('ws:mark:{acme:notifications}');
  });

  it('has its hash tag when it has one', () => {
    expect(markChannel('{acme}:notifications')).toBe('ws:mark:{acme}:notifications');
    expect(keySlot(markChannel('{acme}:notifications'))).toBe(keySlot('{acme}:notifications:alice'));
  });
});
