import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import { WHEEL_TICK_MS } from '../../../sidecar/assemble';
import { CLOSE_TIMEOUT_MS } from '../../../sidecar/connection/term';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { openStream } from '../../fakes/event-source';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { connect, eventually, headersFor, startBridge, type TestBridge } from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const PATH = '/ws/notifications';

let redis: RedisServer;
let publisher: Redis;
let bridge: TestBridge;
let nowMs: number;
let isOver: boolean;

/** From now on nothing of the tenant's is done that is not begun: it has always more to do before that. */
function crowd(shares: LoopShares): void {
  shares.run(ALICE.tenant, { next: () => ({ done: isOver, value: undefined }) });
}

beforeAll(async () => {
  redis = await startRedis();
  publisher = new Redis(redis.url);
});
let shares: LoopShares;
beforeEach(async () => {
  [nowMs, isOver] = [Date.now(), false];
  const clock = (): number => nowMs;
  shares = new LoopShares();
  bridge = await startBridge(redis.url, {}, { now: clock, monotonicMs: clock, shares });
});
afterEach(async () => {
  isOver = true;
  await bridge.bridge.close();
});
afterAll(async () => {
  publisher.disconnect();
  await redis.stop();
});

describe('a tenant that always has more to do than its share of the loop’s time', () => {
  it('has clients that are told their close code once the time for the closing handshake is over', async () => {
    const client = await connect(`${bridge.url}${PATH}`, ALICE);
    crowd(shares);
    await publisher.publish('ws:control', JSON.stringify({ type: 'revoke', ...ALICE }));
    await eventually(() => bridge.logLines.some((line) => line.includes('"revoked"')));
    nowMs += CLOSE_TIMEOUT_MS + WHEEL_TICK_MS;
    expect(await client.closed).toBe(4401);
  });

  it('has clients that are told when the bridge closes', async () => {
    const client = await connect(`${bridge.url}${PATH}`, ALICE);
    crowd(shares);
    await bridge.bridge.close();
    expect(await client.closed).toBe(1012);
  });

  it('has event streams that are told when the bridge closes', async () => {
    const stream = await openStream(bridge.url + PATH, await headersFor({ ...ALICE, path: PATH }, nowMs));
    expect((await stream.next()).type).toBe('ready');
    crowd(shares);
    await bridge.bridge.close();
    await stream.ended;
    expect(await stream.next()).toMatchObject({
      type: 'close',
      data: expect.stringContaining('1012') as unknown,
    });
  });

  it('has clients that are cut when more of them waits than the tenant may keep unfinished, and that is free at once', async () => {
    // A socket is not read from once more than 16 KiB of it wait, so each has at least so much.
    const bound = 20_000;
    const bounded = await startBridge(
      redis.url,
      { BRIDGE_UNFINISHED_TENANT_BYTES: `${bound}`, BRIDGE_RELAY_BYTES_PER_SECOND: '0' },
      { shares },
    );
    const clients = await Promise.all(
      Array.from({ length: 8 }, () => connect(`${bounded.url}/ws/collaboration/d1`, ALICE)),
    );
    crowd(shares);
    for (const { socket } of clients) socket.send(Buffer.alloc(60_000));
    const cut = clients.map(({ closed }) => closed);
    expect(await Promise.race(cut)).toBe(1006);
    await eventually(() => bounded.bridge.openState().connections <= 1);
    expect(bounded.bridge.openState().unfinishedBytes).toBeLessThanOrEqual(bound);
    expect(bounded.logLines.join('')).toContain('cut: too much is unfinished');
    isOver = true;
    await bounded.bridge.close();
    expect(bounded.bridge.openState().unfinishedBytes).toBe(0);
  });

  it('has clients that may finish a message though its end is not read in time', async () => {
    const [sender, peer] = [
      await connect(`${bridge.url}/ws/collaboration/d1`, ALICE),
      await connect(`${bridge.url}/ws/collaboration/d1`, ALICE),
    ];
    const unfinished = (): number => bridge.bridge.openState().unfinishedBytes;
    sender.socket.send('a', { fin: false });
    await eventually(() => unfinished() > 0);
    crowd(shares);
    const end = 'b'.repeat(5000);
    sender.socket.send(end, { fin: true });
    await eventually(() => unfinished() > end.length);
    // Its token ends when the time for the message is over.
    const other = await connect(`${bridge.url}${PATH}`, {
      tenant: 'evil',
      user: 'eve',
      exp: nowMs / 1000 + 20,
    });
    nowMs += 31_000;
    expect(await other.closed).toBe(4401);
    isOver = true;
    expect(await Promise.race([peer.nextText(), sender.closed])).toBe(`a${end}`);
  });

  it('has clients that stay as long as they answer pings, though their answers are not read in time', async () => {
    const pinged = await startBridge(redis.url, { BRIDGE_PING_INTERVAL_MS: '1000' }, { shares });
    const client = await connect(`${pinged.url}${PATH}`, ALICE);
    await once(client.socket, 'ping');
    crowd(shares);
    let pings = 0;
    client.socket.on('ping', () => (pings += 1));
    await Promise.race([client.closed, eventually(() => pings >= 3)]);
    isOver = true;
    expect(pings).toBeGreaterThanOrEqual(3);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    await client.close();
    await pinged.bridge.close();
  });
});
