import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  askUpgrade,
  connect,
  connectCounting,
  EMPTY,
  eventually,
  headersFor,
  startBridge,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const MALLORY = { tenant: 'evil', user: 'mallory' };
const ONE_PLACE = { BRIDGE_MAX_CONNECTIONS_PER_USER: '1' };

let server: RedisServer;
let redis: Redis;
const running: TestBridge[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterEach(async () => {
  for (const { bridge } of running.splice(0)) {
    await bridge.close();
    assert.deepEqual(bridge.openState(), EMPTY);
  }
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** A bridge of an environment that is ready. */
async function bridgeOf(
  database: number,
  prefix: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TestBridge> {
  const bridge = await startBridge(`${server.url}/${database}`, { BRIDGE_CHANNEL_PREFIX: prefix, ...env });
  running.push(bridge);
  await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
  return bridge;
}

/** A client that hears this first heard nothing before it. */
const LAST = 'the last of all';

describe.each([
  ['two databases', 1, 2],
  ['one database', 0, 0],
])('environments with prefixes of their own, in %s of one Redis,', (_, a, b) => {
  it('hear nothing of each other, and a revocation in one closes nobody in the other', async () => {
    const [staging, production] = [await bridgeOf(a, 'staging:'), await bridgeOf(b, 'production:')];
    const path = '/ws/notifications';
    const tester = await connect(`${staging.url}${path}`, ALICE);
    const customer = await connect(`${production.url}${path}`, ALICE);
    const peer = await connect(`${staging.url}/ws/collaboration/d`, ALICE);
    const document = await connect(`${production.url}/ws/collaboration/d`, ALICE);
    await redis.publish('staging:acme:notifications', 'of staging');
    peer.socket.send('an edit in staging');
    await eventually(() => tester.kept === 1);
    await redis.publish('staging:ws:control', '{"type":"revoke","tenant":"acme"}');
    expect([await tester.closed, await peer.closed]).toEqual([4401, 4401]);
    // Nobody hears names without a prefix.
    expect(await redis.publish('acme:notifications', 'unprefixed')).toBe(0);
    expect(await redis.publish('ws:control', '{"type":"revoke","tenant":"acme"}')).toBe(0);
    await redis.publish('production:acme:notifications', LAST);
    await redis.publish('production:acme:collaboration:d', LAST);
    expect([await customer.nextText(), await document.nextText()]).toEqual([LAST, LAST]);
  });

  it('count connections apart, and own sessions apart', async () => {
    const [staging, production] = [
      await bridgeOf(a, 'staging:', ONE_PLACE),
      await bridgeOf(b, 'production:', ONE_PLACE),
    ];
    const session = '/ws/ai/chat?session=x';
    const first = await connect(`${staging.url}${session}`, ALICE);
    const full = await askUpgrade(`${staging.url}${session}`, await headersFor(ALICE));
    const foreign = await askUpgrade(`${staging.url}${session}`, await headersFor(MALLORY));
    expect([full.status, foreign.status]).toEqual([429, 403]);
    const other = await connect(`${production.url}${session}`, MALLORY);
    const same = await askUpgrade(`${production.url}/ws/ai/chat`, await headersFor(ALICE));
    expect(same.status).toBe(101);
    await redis.publish('staging:ai:stream:x', 'a secret');
    expect(await first.nextText()).toBe('a secret');
    await redis.publish('production:ai:stream:x', LAST);
    expect(await other.nextText()).toBe(LAST);
  });

  it('take commands into streams of their own, under one id as well', async () => {
    const [staging, production] = [await bridgeOf(a, 'staging:'), await bridgeOf(b, 'production:')];
    for (const { url } of [staging, production]) {
      const chat = await connectCounting(`${url}/ws/ai/chat?session=x`, ALICE);
      chat.send('{"type":"ask","id":"c1"}');
      expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
    }
    for (const [database, prefix] of [
      [a, 'staging:'],
      [b, 'production:'],
    ] as const) {
      const there = new Redis(`${server.url}/${database}`);
      expect(await there.xlen(`${prefix}ai:commands`)).toBe(1);
      there.disconnect();
    }
  });

  it('hand nothing over to each other, and everything within', async () => {
    const [staging, production] = [await bridgeOf(a, 'staging:'), await bridgeOf(b, 'production:')];
    const second = await bridgeOf(a, 'staging:');
    const path = '/ws/ai/chat?session=x';
    const chat = await connectCounting(`${staging.url}${path}`, ALICE);
    await chat.client.cut();
    await redis.publish('staging:ai:stream:x', 'missed');
    const elsewhere = await connectCounting(`${production.url}${path}`, ALICE, chat.point);
    expect(elsewhere.ready.resumed).toBe(false);
    expect(await elsewhere.next()).toMatchObject({ type: 'bridge.gap', data: { reason: 'unknown' } });
    const moved = await connectCounting(`${second.url}${path}`, ALICE, chat.point);
    expect([moved.ready.resumed, await moved.next()]).toEqual([true, 'missed']);
  });
});

describe('a prefix', () => {
  it('is in nothing that a client is told', async () => {
    const bridge = await bridgeOf(0, 'staging:');
    const counting = await connectCounting(`${bridge.url}/ws/ai/chat?session=x`, ALICE);
    counting.send('{"type":"bridge.x"}');
    const told = JSON.stringify([counting.ready, await counting.next()]);
    const refused = await askUpgrade(`${bridge.url}/ws/ai/chat?session=x`, await headersFor(MALLORY));
    expect(told + JSON.stringify(refused)).not.toContain('staging');
  });

  it("goes before the key of a channel's state", async () => {
    const bridge = await bridgeOf(0, 'staging:');
    await redis.set('acme:dashboard:state:d', 'of nobody');
    await redis.set('staging:acme:dashboard:state:d', 'of staging');
    const board = await connect(`${bridge.url}/ws/bi/dashboards/d`, ALICE);
    expect(await board.nextText()).toBe('of staging');
  });

  it('goes before the channels of an operator and before another command stream', async () => {
    const bridge = await bridgeOf(0, 'staging/', { BRIDGE_COMMAND_STREAM: 'jobs' });
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=x`, ALICE);
    chat.send('{"type":"ask","id":"c1"}');
    await chat.next();
    expect(await redis.xlen('staging/jobs')).toBe(1);
    expect(await redis.exists('staging/{staging/jobs}:x')).toBe(1);
  });
});

describe('a bridge in a database other than 0', () => {
  const warned = ({ logLines }: TestBridge): string[] =>
    logLines.filter((line) => line.includes('database number'));

  it('warns at its start that this does not separate Pub/Sub, once', async () => {
    const lines = warned(await bridgeOf(2, ''));
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({
        level: 40,
        database: 2,
        msg: expect.stringContaining('BRIDGE_CHANNEL_PREFIX') as string,
      }),
    ]);
  });

  it('is silent with a prefix, as one in database 0 is without', async () => {
    expect([warned(await bridgeOf(2, 'staging:')), warned(await bridgeOf(0, ''))]).toEqual([[], []]);
  });

  it('hears, without a prefix, what it always heard', async () => {
    const bridge = await bridgeOf(2, '');
    const client = await connect(`${bridge.url}/ws/notifications`, ALICE);
    await redis.publish('acme:notifications', 'n1');
    expect(await client.nextText()).toBe('n1');
  });
});
