import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connect, connectCounting, eventually, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };

let redis: RedisServer;
let bridge: TestBridge;
let monotonicMs: number;

beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(async () => {
  monotonicMs = 1000;
  bridge = await startBridge(redis.url, {}, { monotonicMs: () => monotonicMs });
});
afterEach(async () => {
  await bridge.bridge.close();
});
afterAll(async () => {
  await redis.stop();
});

const document = (id: string) => `${bridge.url}/ws/collaboration/${id}`;

/** Lets the bridge's wheel see that time has passed: a message that is not finished in time tells when it has. */
async function pass(ms: number): Promise<void> {
  const unfinished = await connect(document('clock'), ALICE);
  const { deadlines } = bridge.bridge.openState();
  unfinished.socket.send('begun', { fin: false });
  await eventually(() => bridge.bridge.openState().deadlines > deadlines);
  monotonicMs += Math.max(ms, 30_000);
  await unfinished.closed;
}

describe('a peer that nobody has sent anything for ten seconds', () => {
  it('gets its own next message back once, as text or binary as it was', async () => {
    const alone = await connect(document('a'), ALICE);
    alone.socket.send('first');
    await pass(10_000);
    alone.socket.send(Buffer.of(1, 0xff));
    expect(await alone.next()).toEqual({ data: Buffer.of(1, 0xff), binary: true });
    alone.socket.send('not this one');
    await pass(10_000);
    alone.socket.send('but this one');
    expect(await alone.nextText()).toBe('but this one');
    expect(alone.kept).toBe(0);
  });

  it('gets no own message back when another was heard meanwhile', async () => {
    const [alice, bob] = [await connect(document('b'), ALICE), await connect(document('b'), BOB)];
    await pass(10_000);
    bob.socket.send('hello');
    expect(await alice.nextText()).toBe('hello');
    alice.socket.send('own');
    bob.socket.send('end');
    expect(await alice.nextText()).toBe('end');
  });

  it('gets none over bridge.v1, where every frame counts', async () => {
    const client = await connectCounting(document('c'), ALICE);
    const peer = await connect(document('c'), BOB);
    await pass(10_000);
    client.send('own');
    await peer.nextText();
    peer.socket.send('end');
    expect(await client.next()).toBe('end');
  });
});
