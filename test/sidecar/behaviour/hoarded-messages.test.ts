import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { maskedFrame, OPCODE_BINARY } from '../../../bench/neighbour/masked-frame';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connect, EMPTY, eventually, startBridge, type Client, type TestBridge } from '../fixture';

const EVE = { tenant: 'evil', user: 'eve' };
const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const TENANT_BYTES = 1024 * 1024;
const MESSAGE = Buffer.alloc(256 * 1024, 'x');
const FRAME = maskedFrame(OPCODE_BINARY, MESSAGE);
const SOCKETS = 8;
/** A client that goes past the bound is cut with what one read brings. */
const ONE_READ = 256 * 1024;

let redis: RedisServer;
let bridge: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await bridge.bridge.close();
  assert.deepEqual(bridge.bridge.openState(), EMPTY);
});
afterAll(async () => {
  await redis.stop();
});

function streamOf(socket: WebSocket): Socket {
  return (socket as unknown as { readonly _socket: Socket })._socket;
}

/** Sends all of a frame but its last byte. */
function begin({ socket }: Client): void {
  streamOf(socket).write(FRAME.subarray(0, -1));
}

describe('a tenant whose clients finish no message', () => {
  it('has no more of them kept than its share, and another tenant’s client finishes its own', async () => {
    bridge = await startBridge(redis.url, {
      BRIDGE_UNFINISHED_TENANT_BYTES: `${TENANT_BYTES}`,
      // No client is pinged: its answer would stand in the middle of its frame.
      BRIDGE_PING_INTERVAL_MS: `${24 * 3_600_000}`,
    });
    const url = `${bridge.url}/ws/collaboration/d1`;
    const [alice, bob] = [await connect(url, ALICE), await connect(url, BOB)];
    const kept = (): number => bridge.bridge.openState().unfinishedBytes;
    begin(alice);
    await eventually(() => kept() > MESSAGE.length);
    const others = kept();
    const hoarders = await Promise.all(Array.from({ length: SOCKETS }, () => connect(url, EVE)));
    let most = 0;
    for (const hoarder of hoarders) {
      const before = kept();
      begin(hoarder);
      await eventually(() => kept() !== before || bridge.bridge.openState().connections < SOCKETS + 2);
      most = Math.max(most, kept());
    }
    await eventually(() => bridge.bridge.openState().connections < SOCKETS + 2);
    expect(most - others).toBeLessThan(TENANT_BYTES + ONE_READ);
    const reasons = bridge.logLines.filter((line) => line.includes('too much is unfinished'));
    expect(JSON.parse(reasons[0] ?? '{}')).toMatchObject({ tenant: 'evil', user: 'eve', bound: 'tenant' });
    streamOf(alice.socket).write(FRAME.subarray(-1));
    expect((await bob.next()).data).toEqual(MESSAGE);
    await Promise.all([alice.close(), bob.close()]);
    for (const { socket } of hoarders) socket.terminate();
    await eventually(() => bridge.bridge.openState().connections === 0);
  }, 60_000);
});
