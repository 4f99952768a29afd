import assert from 'node:assert/strict';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import {
  connect,
  connectCounting,
  EMPTY,
  eventually,
  startBridge,
  type Caller,
  type CountingClient,
  type TestBridge,
} from '../fixture';
import { TOPOLOGIES, type TestRedis } from '../topologies';

const ALICE = { tenant: 'acme', user: 'alice' };
const BOB = { tenant: 'acme', user: 'bob' };
const EVE = { tenant: 'evil', user: 'eve' };
const CHAT = '/ws/ai/chat?session=';

const KIB = 1024;
/** In these tests an entry has fewer bytes besides `data`. */
const OTHER_BYTES = 512;
const MAX_BYTES = 256 * KIB;
/** Redis trims whole nodes of up to 100 entries or 4 KiB, and its allocator rounds up by as much as a quarter. */
const MOST_BYTES = 1.4 * MAX_BYTES;
const LARGE = 8 * KIB;

let server: RedisServer;
let redis: Redis;
let bridges: TestBridge[];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  bridges = [];
});
afterEach(async () => {
  for (const { bridge } of bridges) {
    await bridge.close();
    assert.deepEqual(bridge.openState(), EMPTY);
  }
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function chatOf(
  env: Readonly<Record<string, string>>,
  caller: Caller = ALICE,
  session = 's1',
  url = server.url,
): Promise<CountingClient> {
  const bridge = await startBridge(url, {
    BRIDGE_MAX_MESSAGES_PER_SECOND: '0',
    // Some of these tests are refused until they are not.
    BRIDGE_MESSAGE_BURST: '1000000',
    BRIDGE_COMMAND_BYTES_PER_SECOND: '0',
    BRIDGE_USER_COMMAND_BYTES_PER_SECOND: '0',
    BRIDGE_TENANT_COMMAND_BYTES_PER_SECOND: '0',
    BRIDGE_COMMAND_BYTES_BURST: '1000000000',
    BRIDGE_LINGER_MS: '0',
    ...env,
  });
  bridges.push(bridge);
  return connectCounting(bridge.url + CHAT + session, caller);
}

function command(id: string, bytes: number): string {
  return JSON.stringify({ type: 'ask', id, data: 'x'.repeat(bytes) });
}

/** Sends a command. @returns undefined when it was taken, else why not */
async function asked(chat: CountingClient, id: string, bytes: number): Promise<unknown> {
  chat.send(command(id, bytes));
  const answer = await chat.next();
  return typeof answer === 'object' && answer.type === 'bridge.ack' ? undefined : answer;
}

async function add(chat: CountingClient, ids: readonly string[], bytes: number): Promise<void> {
  for (const id of ids) expect(await asked(chat, id, bytes)).toBeUndefined();
}

function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

/** The ids of the commands in the stream, oldest first. */
async function inStream(): Promise<readonly string[]> {
  const entries = await redis.xrange('ai:commands', '-', '+');
  return entries.map(([, fields]) => fields[fields.indexOf('id') + 1] ?? '');
}

async function streamBytes(): Promise<number> {
  return Number(await redis.call('MEMORY', 'USAGE', 'ai:commands', 'SAMPLES', '0'));
}

describe('the command stream', () => {
  const env = { BRIDGE_COMMAND_STREAM_MAX_BYTES: `${MAX_BYTES}`, BRIDGE_COMMAND_TENANT_BYTES: '0' };

  it.each([
    ['large', LARGE, 100],
    ['small', 100, 1500],
  ])('keeps the newest %s commands, of about as many bytes as it may', async (_, bytes, count) => {
    const chat = await chatOf(env);
    const ids = numbered('c', count);
    await add(chat, ids, bytes);
    const kept = await inStream();
    expect(kept).toEqual(ids.slice(-kept.length));
    expect(kept.length).toBeGreaterThan((0.85 * MAX_BYTES) / (bytes + OTHER_BYTES));
    expect(await streamBytes()).toBeLessThan(MOST_BYTES);
  });

  it('is bounded for all bridges together', async () => {
    const [here, there] = [await chatOf(env), await chatOf(env, EVE, 's2')];
    for (const id of numbered('c', 40)) await Promise.all([add(here, [id], LARGE), add(there, [id], LARGE)]);
    expect(await streamBytes()).toBeLessThan(MOST_BYTES);
  });

  it('keeps what was just added, whatever services have read, deleted, trimmed or left pending', async () => {
    const chat = await chatOf(env);
    await redis.xgroup('CREATE', 'ai:commands', 'answers', '0', 'MKSTREAM');
    for (const round of numbered('r', 8)) {
      await add(chat, numbered(round, 10), LARGE);
      await redis.xreadgroup('GROUP', 'answers', 'one', 'COUNT', 100, 'STREAMS', 'ai:commands', '>');
      const [oldest, ...others] = await redis.xrange('ai:commands', '-', '+', 'COUNT', 5);
      await redis.xdel('ai:commands', ...others.map(([id]) => id));
      if (round === 'r3') await redis.xtrim('ai:commands', 'MAXLEN', 1);
      if (round === 'r5') await redis.xack('ai:commands', 'answers', oldest?.[0] ?? '');
    }
    await add(chat, numbered('last', 20), LARGE);
    expect(await inStream()).toEqual(expect.arrayContaining([...numbered('last', 20)]));
  });

  it('loses what an older bridge has left there once as much was added again', async () => {
    for (let count = 0; count < 100; count += 1) {
      await redis.xadd('ai:commands', '*', 'id', 'old', 'data', 'x'.repeat(LARGE));
    }
    await add(await chatOf(env), numbered('c', 40), LARGE);
    expect(await inStream()).not.toContain('old');
    expect(await streamBytes()).toBeLessThan(MOST_BYTES);
  });

  it('begins anew when it was deleted and the clock was set back', async () => {
    const chat = await chatOf(env);
    await add(chat, ['c0'], LARGE);
    // As if it had been filled an hour from now.
    await redis.zadd('{ai:commands}:.ledger', 2 * MAX_BYTES, 'total');
    await redis.zadd('{ai:commands}:.ledger', 2 * MAX_BYTES, `${Date.now() + 3_600_000}-0`);
    const ids = numbered('c', 8).slice(1);
    await add(chat, ids, LARGE);
    expect(await inStream()).toEqual(['c0', ...ids]);
    await add(chat, numbered('d', 60), LARGE);
    expect(await streamBytes()).toBeLessThan(MOST_BYTES);
  });

  it('is bounded in entries as well', async () => {
    const chat = await chatOf({ ...env, BRIDGE_COMMAND_STREAM_MAX_LENGTH: '100' });
    await add(chat, numbered('c', 400), 10);
    expect(await redis.xlen('ai:commands')).toBeLessThanOrEqual(200);
  });
});

describe("a tenant's share of the stream", () => {
  const env = {
    BRIDGE_COMMAND_TENANT_BYTES: `${4 * LARGE}`,
    BRIDGE_COMMAND_TENANT_WINDOW_MS: '86400000',
  };
  const refusal = (id: string): unknown => ({
    type: 'bridge.error',
    data: {
      code: 'TOO_MANY_MESSAGES',
      message: 'too many commands of this tenant: send fewer, or smaller ones',
      id,
    },
  });

  it('is for all its users on all bridges: over it nothing is added, and no other tenant notices', async () => {
    const [alice, bob] = [await chatOf(env), await chatOf(env, BOB, 's2')];
    await add(alice, ['a0', 'a1'], LARGE);
    await add(bob, ['b0'], LARGE);
    expect(await asked(bob, 'b1', LARGE)).toEqual(refusal('b1'));
    expect(await asked(alice, 'a2', LARGE)).toEqual(refusal('a2'));
    const eve = await connectCounting(`${bridges[0]?.url ?? ''}${CHAT}s3`, EVE);
    await add(eve, ['e0', 'e1'], LARGE);
    expect(await inStream()).toEqual(['a0', 'a1', 'b0', 'e0', 'e1']);
    const metrics = await (await fetch(`${bridges[1]?.adminUrl ?? ''}/metrics`)).text();
    expect(metrics).toContain('ws_bridge_commands_total{outcome="over_share"} 1\n');
    expect(metrics).toContain(
      `ws_bridge_refused_bytes_total{route="ai-chat",reason="over_share"} ${command('b1', LARGE).length}\n`,
    );
  });

  it('has room for a small command when it has none for a large one', async () => {
    const alice = await chatOf(env);
    await add(alice, ['c0', 'c1', 'c2'], LARGE);
    expect(await asked(alice, 'c3', LARGE)).toEqual(refusal('c3'));
    await add(alice, ['c4'], 100);
  });

  it('has room for a command of fewer bytes, however many more characters it has', async () => {
    const alice = await chatOf(env);
    await add(alice, ['c0', 'c1', 'c2'], LARGE);
    alice.send(JSON.stringify({ type: 'ask', id: 'c3', data: '€'.repeat(LARGE / 3) }));
    expect(await alice.next()).toEqual(refusal('c3'));
    await add(alice, ['c4'], LARGE / 2);
  });

  it('that is used up is free again after its time, at that rate', async () => {
    const alice = await chatOf({ ...env, BRIDGE_COMMAND_TENANT_WINDOW_MS: '1000' });
    await add(alice, ['c0', 'c1', 'c2'], LARGE);
    await eventually(async () => (await asked(alice, 'c3', LARGE)) === undefined);
    expect(await inStream()).toEqual(['c0', 'c1', 'c2', 'c3']);
  });

  it('takes one command that is larger than the share when nothing of it is used', async () => {
    const alice = await chatOf(env);
    await add(alice, ['c0'], 7 * LARGE);
    expect(await asked(alice, 'c1', 10)).toEqual(refusal('c1'));
  });

  it("is not gone for longer than its time when the server's clock was set back", async () => {
    await redis.set('{ai:commands}:.tenant:acme', `${Date.now() + 3_600_000}`);
    const alice = await chatOf({ ...env, BRIDGE_COMMAND_TENANT_WINDOW_MS: '1000' });
    await eventually(async () => (await asked(alice, 'c0', LARGE)) === undefined);
    expect(await inStream()).toEqual(['c0']);
  });

  it('refuses what is known to have no room without asking Redis', async () => {
    const alice = await chatOf(env);
    await add(alice, ['c0', 'c1', 'c2'], LARGE);
    await asked(alice, 'c3', LARGE);
    await redis.config('RESETSTAT');
    for (const id of numbered('d', 5)) expect(await asked(alice, id, LARGE)).toEqual(refusal(id));
    expect(await redis.info('commandstats')).not.toContain('cmdstat_eval:');
  });

  it('of a plain client that goes on costs it its socket, as any flood does', async () => {
    const alice = await chatOf({
      ...env,
      BRIDGE_MAX_MESSAGES_PER_SECOND: '100000',
      BRIDGE_MESSAGE_BURST: '10',
    });
    await add(alice, ['c0', 'c1', 'c2'], LARGE);
    const plain = await connect(`${bridges[0]?.url ?? ''}${CHAT}s2`, BOB);
    for (const id of numbered('d', 11)) {
      plain.socket.send(command(id, LARGE));
      if (id !== 'd10') expect(await plain.nextJson()).toMatchObject({ type: 'error', data: { id } });
    }
    expect(await plain.closed).toBe(4429);
  });

  it('is any number with 0', async () => {
    await add(await chatOf({ BRIDGE_COMMAND_TENANT_BYTES: '0' }), numbered('c', 20), LARGE);
    expect(await redis.keys('*.tenant:*')).toEqual([]);
  });
});

describe('the ids of commands', () => {
  const IDS_KEY = '{ai:commands}:s1';

  it('are remembered in one key a session, for a time after the last one', async () => {
    const chat = await chatOf({ BRIDGE_COMMAND_ID_TTL_MS: '5000000' });
    await add(chat, ['c0', 'c1', 'c0', '漢'.repeat(128), '漢'.repeat(128)], 10);
    expect((await inStream()).map((id) => id.slice(0, 2))).toEqual(['c0', 'c1', '漢漢']);
    expect(await redis.keys('{ai:commands}:s*')).toEqual([IDS_KEY]);
    expect(await redis.pttl(IDS_KEY)).toBeGreaterThan(4_000_000);
  });

  it('are the latest of a session, so many and no more, at little cost', async () => {
    const chat = await chatOf({ BRIDGE_MAX_COMMAND_IDS: '1000' });
    const ids = numbered('c', 1010).map((id) => id.padEnd(128, '漢'));
    await add(chat, ids, 1);
    expect(await redis.llen(IDS_KEY)).toBe(1000);
    expect(Number(await redis.call('MEMORY', 'USAGE', IDS_KEY, 'SAMPLES', '0'))).toBeLessThan(20_000);
    await add(chat, ids.slice(10), 1);
    expect(await redis.xlen('ai:commands')).toBe(1010);
    await add(chat, ids.slice(0, 1), 1);
    expect(await redis.xlen('ai:commands')).toBe(1011);
  });

  it('of another session are others', async () => {
    const chat = await chatOf({});
    const other = await connectCounting(`${bridges[0]?.url ?? ''}${CHAT}s2`, EVE);
    await add(chat, ['c0'], 1);
    await add(other, ['c0'], 1);
    expect(await redis.xlen('ai:commands')).toBe(2);
  });

  it('that an older bridge has remembered count', async () => {
    await redis.set('{ai:commands}:s1:c0', '1');
    const chat = await chatOf({});
    await add(chat, ['c0', 'c1'], 1);
    expect(await inStream()).toEqual(['c1']);
  });

  it('of commands that were not added are not remembered', async () => {
    const chat = await chatOf({
      BRIDGE_COMMAND_TENANT_BYTES: `${LARGE}`,
      BRIDGE_COMMAND_TENANT_WINDOW_MS: '1000',
    });
    await add(chat, ['c0'], LARGE);
    await eventually(async () => (await asked(chat, 'c1', LARGE)) === undefined);
    expect(await inStream()).toEqual(['c0', 'c1']);
  });
});

describe.each(TOPOLOGIES)('on %s', (_, start) => {
  let topology: TestRedis;

  beforeAll(async () => {
    topology = await start();
  }, 60_000);
  afterAll(() => topology.stop());

  it.each(['ai:commands', '{ai}:commands'])('stream, share and ids of %s go together', async (stream) => {
    await topology.flush();
    const env = { BRIDGE_COMMAND_STREAM: stream, BRIDGE_COMMAND_TENANT_BYTES: `${2 * LARGE}` };
    const chat = await chatOf(env, ALICE, 's1', topology.url);
    await add(chat, ['c0', 'c0'], LARGE);
    expect(await asked(chat, 'c1', LARGE)).toMatchObject({ data: { code: 'TOO_MANY_MESSAGES', id: 'c1' } });
    expect(await topology.xlen(stream)).toBe(1);
    expect(await topology.keys('*:.*')).toHaveLength(2);
  });
});
