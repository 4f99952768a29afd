import assert from 'node:assert/strict';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connect, EMPTY, eventually, floods, startBridge, type Client, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const KIB = 1024;

let redis: RedisServer;
let bridge: TestBridge;
let now: number;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});
beforeEach(async () => {
  now = Date.now();
  const env = {
    BRIDGE_COMMAND_BYTES_PER_SECOND: '1024',
    BRIDGE_COMMAND_BYTES_BURST: '4096',
    BRIDGE_USER_COMMAND_BYTES_PER_SECOND: '1024',
    // Three of 2 KiB, each of which counts as 256 bytes more.
    BRIDGE_USER_COMMAND_BYTES_BURST: '6912',
    BRIDGE_MAX_COMMAND_BYTES: '2048',
    BRIDGE_LINGER_MS: '0',
  };
  bridge = await startBridge(redis.url, env, () => now);
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
});

/** A command of 2 KiB. */
function send(client: Client, id: string): void {
  const around = `{"type":"x","id":"${id}","data":""}`;
  client.socket.send(around.replace('""}', `"${'x'.repeat(2 * KIB - around.length)}"}`));
}

async function open(caller: { readonly tenant: string; readonly user: string }): Promise<Client> {
  const client = await connect(`${bridge.url}/ws/ai/chat`, caller, ['bridge.v1']);
  await client.next();
  return client;
}

const acknowledged = (id: string): object => ({ type: 'bridge.ack', data: { id } });
const refused = (id: string, message: string): object => ({
  type: 'bridge.error',
  data: { code: 'TOO_MANY_MESSAGES', message, id },
});

describe('a client that sends more bytes than it may', () => {
  it('is refused with the id of what was not taken, closed with 4429 when it goes on, and others do not notice', async () => {
    const [greedy, neighbour] = [await open(ALICE), await open(BOB)];
    for (const id of ['a', 'b']) {
      send(greedy, id);
      expect(await greedy.nextJson()).toEqual(acknowledged(id));
    }
    for (const id of ['c', 'd']) {
      send(greedy, id);
      expect(await greedy.nextJson()).toEqual(refused(id, 'too many bytes: send less a second'));
    }
    send(greedy, 'e');
    expect(await greedy.closed).toBe(4429);
    expect(floods(bridge)).toEqual([{ route: 'ai-chat', ...ALICE, over: 'socket_bytes' }]);
    const metrics = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
    expect(metrics).toContain(
      `ws_bridge_refused_bytes_total{route="ai-chat",reason="socket_bytes"} ${6 * KIB}`,
    );
    send(neighbour, 'n');
    expect(await neighbour.nextJson()).toEqual(acknowledged('n'));
    await neighbour.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
  });

  it('in many frames is refused as well: each after the first counts as 64 bytes more', async () => {
    const client = await open(ALICE);
    const fragmented = (id: string): void => {
      client.socket.send(`{"type":"x","id":"${id}"`, { fin: false });
      for (let frame = 0; frame < 32; frame += 1) client.socket.send(' ', { fin: false });
      client.socket.send('}', { fin: true });
    };
    fragmented('a');
    expect(await client.nextJson()).toEqual(acknowledged('a'));
    send(client, 'b');
    expect(await client.nextJson()).toEqual(refused('b', 'too many bytes: send less a second'));
    await client.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
  });

  it.each(['/ws/ai/chat', '/ws/notifications'])(
    'in pings on %s gets no pongs over what its user may: each counts as 256 bytes more',
    async (path) => {
      const [first, second] = await Promise.all(
        [path, path].map((each) => connect(bridge.url + each, ALICE)),
      );
      const pong = (socket: Client['socket'] | undefined): Promise<string> =>
        new Promise((resolve) => {
          socket?.once('pong', (data: Buffer) => {
            resolve(data.toString());
          });
        });
      // 6,912 bytes are 27 pings of none.
      for (let sent = 1; sent < 27; sent += 1) {
        const answered = pong(first?.socket);
        first?.socket.ping();
        await answered;
      }
      const last = pong(second?.socket);
      second?.socket.ping();
      expect(await last).toBe('');
      const next = pong(second?.socket);
      second?.socket.ping('refused');
      second?.socket.send('not while a ping is on its way');
      await second?.next();
      now += 2250;
      second?.socket.ping('taken');
      expect(await next).toBe('taken');
      await Promise.all([first?.close(), second?.close()]);
      await eventually(() => bridge.bridge.openState().connections === 0);
    },
  );

  it('over several sockets is refused as a user, also on a new one, and taken again with time', async () => {
    const [first, second] = [await open(ALICE), await open(ALICE)];
    for (const [client, id] of [
      [first, 'a'],
      [first, 'b'],
      [second, 'c'],
    ] as const) {
      send(client, id);
      expect(await client.nextJson()).toEqual(acknowledged(id));
    }
    await Promise.all([first.close(), second.close()]);
    const third = await open(ALICE);
    send(third, 'd');
    expect(await third.nextJson()).toEqual(refused('d', 'too many bytes of this user: send less a second'));
    now += 2250;
    send(third, 'd');
    expect(await third.nextJson()).toEqual(acknowledged('d'));
    await third.close();
    await eventually(() => bridge.bridge.openState().connections === 0);
  });
});
