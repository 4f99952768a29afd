import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { connect, eventually, startBridge, type TestBridge } from './fixture';

const ALICE = { tenant: 'acme', user: 'alice' };

describe('the counts of traffic', () => {
  let redisServer: RedisServer;
  let bridge: TestBridge;
  let redis: Redis;

  beforeEach(async () => {
    redisServer = await startRedis();
    bridge = await startBridge(redisServer.url);
    redis = new Redis(redisServer.url);
  });

  afterEach(async () => {
    redis.disconnect();
    await bridge.bridge.close();
    await redisServer.stop();
  });

  async function lines(): Promise<readonly string[]> {
    return (await (await fetch(`${bridge.adminUrl}/metrics`)).text()).split('\n');
  }

  it('are there from the start, for every route', async () => {
    for (const route of ['ai-chat', 'dashboard', 'notifications', 'collaboration']) {
      expect(await lines()).toEqual(
        expect.arrayContaining([
          `ws_bridge_messages_received_total{route="${route}"} 0`,
          `ws_bridge_received_bytes_total{route="${route}"} 0`,
          `ws_bridge_frames_sent_total{route="${route}"} 0`,
          `ws_bridge_sent_bytes_total{route="${route}"} 0`,
        ]),
      );
    }
  });

  it('count data frames and messages, and the bytes of their payloads', async () => {
    const first = await connect(`${bridge.url}/ws/collaboration/doc`, ALICE);
    const second = await connect(`${bridge.url}/ws/collaboration/doc`, ALICE);
    await redis.publish('acme:collaboration:doc', 'grün');
    await Promise.all([first.next(), second.next()]);
    first.socket.send('ab');
    first.socket.send(Buffer.of(0xff));
    await second.next();
    await second.next();
    await eventually(async () =>
      (await lines()).includes('ws_bridge_frames_sent_total{route="collaboration"} 4'),
    );
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'ws_bridge_sent_bytes_total{route="collaboration"} 13',
        'ws_bridge_messages_received_total{route="collaboration"} 2',
        'ws_bridge_received_bytes_total{route="collaboration"} 3',
        'ws_bridge_frames_sent_total{route="dashboard"} 0',
      ]),
    );
  });

  it('time how long a message waits in the bridge', async () => {
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await redis.publish('acme:notifications', 'x');
    await client.next();
    await eventually(async () =>
      (await lines()).some((line) => /^ws_bridge_write_lag_seconds_count [1-9]/.test(line)),
    );
    expect(await lines()).toContainEqual(
      expect.stringMatching(/^ws_bridge_write_lag_seconds_sum 0?\.\d+|^ws_bridge_write_lag_seconds_sum \d/),
    );
  });
});
