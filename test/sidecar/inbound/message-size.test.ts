import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { WebSocket } from 'ws';
import { largestMessage } from '../../../sidecar/inbound/message-size';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';
import { parseRoutes } from '../../../sidecar/routes/file';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { clientFrame, OPCODES } from '../client-frame';
import { connect, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const KIB = 1024;

let redis: RedisServer;
let bridge: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});
afterEach(async () => {
  await bridge.bridge.close();
});

/** A message of exactly so many bytes that each kind of route answers, or takes. */
function messageOf(bytes: number): string {
  const around = '{"type":"x","id":"c","data":""}';
  return around.replace('""}', `"${'x'.repeat(bytes - around.length)}"}`);
}

/** The socket under a client's, to write frames to that its library would not send. */
function under(socket: WebSocket): Socket {
  return (socket as unknown as { readonly _socket: Socket })._socket;
}

describe('the largest message of a route', () => {
  it.each([
    ['/ws/ai/chat', 64 * KIB],
    ['/ws/collaboration/d', 256 * KIB],
    ['/ws/notifications', 4 * KIB],
  ])('%s has %i bytes by default, and one byte more closes the socket with 1009', async (path, bytes) => {
    bridge = await startBridge(redis.url);
    const client = await connect(`${bridge.url}${path}`, ALICE, ['bridge.v1']);
    const peer = await connect(`${bridge.url}${path}`, ALICE);
    expect(await client.nextJson()).toMatchObject({ type: 'bridge.ready' });
    client.socket.send(messageOf(bytes));
    const heard = path === '/ws/collaboration/d' ? await peer.nextText() : await client.nextText();
    expect(heard).toMatch(/bridge\.ack|READ_ONLY|^\{"type":"x"/);
    client.socket.send(messageOf(bytes + 1));
    expect(await client.closed).toBe(1009);
    await peer.close();
  });

  it('is judged by the header of a frame: not one byte of the message need come', async () => {
    bridge = await startBridge(redis.url);
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    const header = clientFrame(OPCODES.text, 64 * KIB + 1).subarray(0, 14);
    under(client.socket).write(header);
    expect(await client.closed).toBe(1009);
  });

  it('is that of all its frames together', async () => {
    bridge = await startBridge(redis.url);
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE);
    under(client.socket).write(clientFrame(OPCODES.text, 64 * KIB, false));
    client.socket.ping();
    await once(client.socket, 'pong');
    under(client.socket).write(clientFrame(OPCODES.continuation, 1).subarray(0, 6));
    expect(await client.closed).toBe(1009);
  });

  it('is a setting for each kind of route, a route’s own before that, and never more than that of every route', () => {
    const sizes = { any: 1000, commands: 100, relay: 2000, refuse: 10 };
    const bytesOf = (members: object): readonly number[] => {
      const routes = DEFAULT_ROUTES.map((route) => ({ ...route, ...members }));
      return parseRoutes('routes.json', JSON.stringify({ routes: routes.filter(fits) })).map((route) =>
        largestMessage(route, sizes),
      );
    };
    const fits = (route: { readonly name: string }): boolean => route.name !== 'dashboard';
    expect(bytesOf({})).toEqual([100, 10, 1000]);
    expect(bytesOf({ maxMessageBytes: 500 })).toEqual([500, 500, 500]);
    expect(bytesOf({ maxMessageBytes: 5000 })).toEqual([1000, 1000, 1000]);
    expect(() => bytesOf({ maxMessageBytes: 0 })).toThrow('routes.0.maxMessageBytes');
    expect(() => bytesOf({ maxMessageBytes: '64k' })).toThrow('routes.0.maxMessageBytes');
  });

  it('is what a route of an operator’s file says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'routes-'));
    const file = join(folder, 'routes.json');
    const routes = DEFAULT_ROUTES.map((route) =>
      route.messages === 'commands' ? { ...route, maxMessageBytes: 100 } : route,
    );
    writeFileSync(file, JSON.stringify({ routes }));
    bridge = await startBridge(redis.url, { BRIDGE_ROUTES_FILE: file });
    rmSync(folder, { recursive: true });
    const client = await connect(`${bridge.url}/ws/ai/chat`, ALICE, ['bridge.v1']);
    await client.next();
    client.socket.send(messageOf(100));
    expect(await client.nextJson()).toMatchObject({ type: 'bridge.ack' });
    client.socket.send(messageOf(101));
    expect(await client.closed).toBe(1009);
  });
});
