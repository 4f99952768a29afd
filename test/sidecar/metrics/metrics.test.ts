import type { Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, connect, eventually, startBridge, type TestBridge } from '../fixture';
import { startRedisProxy } from '../redis-proxy';

const ALICE = { tenant: 'acme', user: 'alice' };
const ROUTES = ['ai-chat', 'dashboard', 'notifications', 'collaboration'];

let redisServer: RedisServer;
let redis: Redis;
let bridge: TestBridge;

beforeEach(async () => {
  redisServer = await startRedis();
  redis = new Redis(redisServer.url);
  redis.on('error', () => undefined);
});
afterEach(async () => {
  redis.disconnect();
  await bridge.bridge.close();
  await redisServer.stop();
});

async function lines(): Promise<readonly string[]> {
  return (await (await fetch(`${bridge.adminUrl}/metrics`)).text()).split('\n');
}

/** The value of one series. */
async function value(series: string): Promise<number> {
  const line = (await lines()).find((text) => text.startsWith(`${series} `));
  if (line === undefined) throw new Error(`expected the series ${series}`);
  return Number(line.slice(series.length + 1));
}

/** Resolves when a series has that value. */
async function expectValue(series: string, expected: number): Promise<void> {
  await eventually(async () => (await value(series)) === expected);
  expect(await value(series)).toBe(expected);
}

it('a bridge exports its version and that of Node', async () => {
  bridge = await startBridge(redisServer.url);
  const { version } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as {
    version: string;
  };
  await expectValue(`ws_bridge_build_info{version="${version}",node="${process.version}"}`, 1);
});

describe('traffic', () => {
  it('is counted from 0, for every route', async () => {
    bridge = await startBridge(redisServer.url);
    const expected = ROUTES.flatMap((route) => [
      `ws_bridge_messages_received_total{route="${route}"} 0`,
      `ws_bridge_received_bytes_total{route="${route}"} 0`,
      `ws_bridge_frames_sent_total{route="${route}"} 0`,
      `ws_bridge_sent_bytes_total{route="${route}"} 0`,
    ]);
    expect(await lines()).toEqual(expect.arrayContaining(expected));
  });

  it('is counted in frames, messages, and the bytes of their payloads', async () => {
    bridge = await startBridge(redisServer.url);
    const first = await connect(`${bridge.url}/ws/collaboration/doc`, ALICE);
    const second = await connect(`${bridge.url}/ws/collaboration/doc`, ALICE);
    await redis.publish('acme:collaboration:doc', 'grün');
    await Promise.all([first.next(), second.next()]);
    first.socket.send('ab');
    first.socket.send(Buffer.of(0xff));
    await second.next();
    await second.next();
    await expectValue('ws_bridge_frames_sent_total{route="collaboration"}', 4);
    await expectValue('ws_bridge_sent_bytes_total{route="collaboration"}', 13);
    await expectValue('ws_bridge_messages_received_total{route="collaboration"}', 2);
    await expectValue('ws_bridge_received_bytes_total{route="collaboration"}', 3);
    await expectValue('ws_bridge_relayed_messages_total{outcome="published"}', 2);
    await expectValue('ws_bridge_frames_sent_total{route="dashboard"}', 0);
  });

  it('is timed from its arrival to its write', async () => {
    bridge = await startBridge(redisServer.url);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    const before = await value('ws_bridge_write_lag_seconds_count');
    // However the bridge samples: so many messages are not all left out.
    for (let count = 0; count < 200; count += 1) {
      await redis.publish('acme:notifications', 'x');
      await client.next();
    }
    expect(await value('ws_bridge_write_lag_seconds_count')).toBeGreaterThan(before);
    expect(await value('ws_bridge_write_lag_seconds_bucket{le="+Inf"}')).toBe(
      await value('ws_bridge_write_lag_seconds_count'),
    );
  });
});

describe('what clients send', () => {
  it('is counted as commands by what came of them, and as refusals by their code', async () => {
    bridge = await startBridge(redisServer.url);
    const chat = await connect(`${bridge.url}/ws/ai/chat`, ALICE, ['bridge.v1']);
    await chat.next();
    const command = '{"type":"ask","id":"c1"}';
    for (const text of [command, command, 'no command']) chat.socket.send(text);
    for (let answers = 0; answers < 3; answers += 1) await chat.next();
    await expectValue('ws_bridge_commands_total{outcome="added"}', 1);
    await expectValue('ws_bridge_commands_total{outcome="repeated"}', 1);
    await expectValue('ws_bridge_messages_refused_total{route="ai-chat",code="INVALID_COMMAND"}', 1);
    const editor = await connect(`${bridge.url}/ws/collaboration/doc`, ALICE);
    const dashboard = await connect(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
    dashboard.socket.send('x');
    await dashboard.next();
    await expectValue('ws_bridge_messages_refused_total{route="dashboard",code="READ_ONLY"}', 1);

    await redisServer.stop();
    await expectValue('ws_bridge_redis_up{connection="commands"}', 0);
    chat.socket.send('{"type":"ask"}');
    await expectValue('ws_bridge_commands_total{outcome="unconfirmed"}', 1);
    editor.socket.send('x');
    await expectValue('ws_bridge_relayed_messages_total{outcome="unconfirmed"}', 1);
  });
});

describe('connections', () => {
  it('are counted while they are open, by route, and by tenant where that is wanted', async () => {
    bridge = await startBridge(redisServer.url, { BRIDGE_METRICS_MAX_TENANTS: '1' });
    const clients = [
      await connect(`${bridge.url}/ws/notifications`, ALICE),
      await connect(`${bridge.url}/ws/notifications`, { tenant: 'b', user: 'bob' }),
      await connect(`${bridge.url}/ws/notifications`, { tenant: 'c', user: 'bob' }),
    ];
    await expectValue('ws_bridge_connections{route="notifications",transport="websocket"}', 3);
    await expectValue('ws_bridge_tenant_connections{tenant="acme"}', 1);
    await expectValue('ws_bridge_tenant_connections{tenant="other"}', 2);
    for (const client of clients) await client.close();
    await expectValue('ws_bridge_connections{route="notifications",transport="websocket"}', 0);
    await expectValue('ws_bridge_tenant_connections{tenant="other"}', 0);
    await expectValue('ws_bridge_closes_total{route="notifications",code="1005"}', 3);
    expect((await lines()).join('\n')).not.toContain('tenant="acme"');
  });

  it('are counted with the code that a client is told of its fault', async () => {
    bridge = await startBridge(redisServer.url);
    const url = `${bridge.url}/ws/notifications`;
    const large = await connect(url, ALICE);
    large.socket.send('x'.repeat(5000));
    expect(await large.closed).toBe(1009);
    await expectValue('ws_bridge_closes_total{route="notifications",code="1009"}', 1);
    for (const [sent, code] of [
      [Buffer.of(0xff, 0x80), 1002],
      [Buffer.of(0x81, 0x81, 0, 0, 0, 0, 0xff), 1007],
    ] as const) {
      const faulty = await connect(url, ALICE);
      (faulty.socket as unknown as { readonly _socket: Socket })._socket.write(sent);
      expect(await faulty.closed).toBe(code);
      await expectValue(`ws_bridge_closes_total{route="notifications",code="${code}"}`, 1);
    }
    await expectValue('ws_bridge_closes_total{route="notifications",code="1006"}', 0);
  });

  it('name no tenant unless that is wanted', async () => {
    bridge = await startBridge(redisServer.url);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await expectValue('ws_bridge_connections{route="notifications",transport="websocket"}', 1);
    expect((await lines()).join('\n')).not.toMatch(/acme|ws_bridge_tenant_connections/);
    await client.close();
  });

  it('are counted by what came of their upgrade, with the time that it took', async () => {
    bridge = await startBridge(redisServer.url);
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await askUpgrade(`${bridge.url}/ws/notifications`, {});
    await askUpgrade(`${bridge.url}/nowhere`, {});
    await expectValue(
      'ws_bridge_upgrades_total{route="notifications",transport="websocket",outcome="admitted"}',
      1,
    );
    await expectValue(
      'ws_bridge_upgrades_total{route="notifications",transport="websocket",outcome="unauthorized"}',
      1,
    );
    await expectValue('ws_bridge_upgrades_total{route="none",transport="websocket",outcome="not_found"}', 1);
    await expectValue('ws_bridge_upgrade_seconds_count{result="admitted"}', 1);
    await expectValue('ws_bridge_upgrade_seconds_count{result="refused"}', 2);
    await expectValue('ws_bridge_undecided_upgrades', 0);
    await client.close();
  });
});

describe('the state of things', () => {
  it('is told of Redis, delivery and the end', async () => {
    // One probe, however long this takes.
    bridge = await startBridge(redisServer.url, { BRIDGE_PROBE_INTERVAL_MS: '600000' });
    await expectValue('ws_bridge_redis_up{connection="commands"}', 1);
    await expectValue('ws_bridge_redis_up{connection="subscriber"}', 1);
    await expectValue('ws_bridge_delivery_up{connection="subscriber"}', 1);
    await expectValue('ws_bridge_delivery_probes_total{connection="subscriber",outcome="heard"}', 1);
    await expectValue('ws_bridge_delivery_probe_seconds_count{connection="subscriber"}', 1);
    await expectValue('ws_bridge_draining', 0);
    expect(await value('ws_bridge_event_loop_active_seconds_total')).toBeGreaterThan(0);
    await redis.publish('ws:control', '{"type":"revoke","jti":"t1"}');
    await expectValue('ws_bridge_revocations_total', 1);
    await redisServer.stop();
    await expectValue('ws_bridge_redis_up{connection="commands"}', 0);
    await expectValue('ws_bridge_redis_up{connection="subscriber"}', 0);
    await expectValue('ws_bridge_delivery_up{connection="subscriber"}', 0);
  });

  it('is told of a probe that is not heard', async () => {
    const proxy = await startRedisProxy(redisServer.port);
    const env = { BRIDGE_PROBE_INTERVAL_MS: '50', BRIDGE_PROBE_TIMEOUT_MS: '1000' };
    bridge = await startBridge(proxy.url, env);
    await expectValue('ws_bridge_delivery_up{connection="subscriber"}', 1);
    const silent = 'ws_bridge_delivery_probes_total{connection="subscriber",outcome="silent"}';
    const before = await value(silent);
    expect(proxy.mute('ws-bridge:subscriber')).toBe(1);
    await eventually(async () => (await value(silent)) > before);
    await bridge.bridge.close();
    proxy.close();
  });

  it('is told of a bridge that drains', async () => {
    bridge = await startBridge(redisServer.url, { BRIDGE_DRAIN_MS: '60000' });
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await expectValue('ws_bridge_draining', 0);
    const drained = bridge.bridge.drain();
    await expectValue('ws_bridge_draining', 1);
    await client.close();
    await drained;
  });
});
