import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { CommandStream, type CommandToAdd } from '../../../sidecar/inbound/command-stream';
import { ConnectionQuota } from '../../../sidecar/quotas/connection-quota';
import { redisQuotaStore } from '../../../sidecar/quotas/redis-quota-store';
import { redisSessionStore } from '../../../sidecar/sessions/session-store';
import { Sessions, UnclaimableSessionError } from '../../../sidecar/sessions/sessions';
import type { Permit } from '../../../sidecar/quotas/tenant-quota';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { UNABLE_TO_SAVE, WITHOUT_ROOM } from '../../fakes/refused-writes';
import {
  askUpgrade,
  connect,
  EMPTY,
  headersFor,
  startBridge,
  UNPREFIXED,
  type Caller,
  type TestBridge,
} from '../fixture';

const ALICE = { tenant: 'acme', user: 'alice' };
const EVE = { tenant: 'evil', user: 'eve' };
const TTL_MS = 60_000;
const LEASE_MS = 30_000;
/** Redis's words, and the client's. */
const NOT_CLAIMED =
  '{"message":"Redis takes no writes now: a session that has no owner yet cannot be claimed"}';

let server: RedisServer;
let redis: Redis;
let started: TestBridge | undefined;

beforeAll(async () => {
  server = await startRedis((port) => ['--port', `${port}`, '--enable-protected-configs', 'yes']);
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function newCaps(limits: Readonly<Record<'tenant' | 'user', number>>): ConnectionQuota {
  return new ConnectionQuota(
    redisQuotaStore(redis, randomBytes(8).toString('hex'), LEASE_MS),
    UNPREFIXED,
    limits,
  );
}

function newSessions(): Sessions {
  return new Sessions(redisSessionStore(redis, 'b1', { ttlMs: TTL_MS, bridgesTtlMs: TTL_MS }), UNPREFIXED);
}

function held(answer: Permit | string): Permit {
  if (typeof answer === 'string') throw new Error(`expected a place, but the ${answer} has none`);
  return answer;
}

describe.each([WITHOUT_ROOM, UNABLE_TO_SAVE])(
  'while Redis takes no writes ($kind)',
  ({ kind, begin, end }) => {
    afterEach(async () => {
      await end(redis);
      await started?.bridge.close();
      if (started !== undefined) assert.deepEqual(started.bridge.openState(), EMPTY);
      started = undefined;
    });

    it('caps go on by what a bridge holds and what the others said last; afterwards all is counted again', async () => {
      const [a, b] = [newCaps({ tenant: 4, user: 2 }), newCaps({ tenant: 4, user: 2 })];
      await b.acquire('acme', 'bob');
      await begin(redis);
      const [first, second, third] = await Promise.all([1, 2, 3].map(() => a.acquire('acme', 'alice')));
      expect(third).toBe('user');
      expect(await a.acquire('acme', 'bob')).not.toBe('user');
      // Two of alice and one of bob here, one of bob there.
      expect(await a.acquire('acme', 'carol')).toBe('tenant');
      held(first ?? '').release();
      await a.announce();
      held(await a.acquire('acme', 'carol'));
      held(second ?? '');
      await end(redis);
      await a.announce();
      expect(await redis.hvals('ws:conn:{acme}:alice')).toEqual([expect.stringMatching(/^1 /)]);
      expect((await redis.hvals('ws:conn:{acme}')).map((text) => text.split(' ')[0]).sort()).toEqual([
        '1',
        '3',
      ]);
    });

    it('a session is its owner’s, another’s to nobody, and one without an owner is refused alone', async () => {
      const sessions = newSessions();
      await sessions.claim('owned', 'acme', 'alice');
      await redis.rpush('ai:session:odd', 'x');
      await begin(redis);
      const outcomes = await Promise.allSettled([
        sessions.claim('owned', 'acme', 'alice'),
        sessions.claim('nobody', 'acme', 'alice'),
        sessions.claim('owned', 'evil', 'eve'),
        sessions.claim('odd', 'acme', 'alice'),
        sessions.claim('owned', 'acme', 'alice'),
      ]);
      expect(
        outcomes.map((one) =>
          one.status === 'fulfilled' ? !one.value.isForeign : (one.reason as Error).name,
        ),
      ).toEqual([true, UnclaimableSessionError.name, false, false, true]);
      await end(redis);
      expect(await sessions.claim('nobody', 'acme', 'alice')).toMatchObject({ isForeign: false });
      expect(await sessions.claim('nobody', 'evil', 'eve')).toMatchObject({ isForeign: true });
    });

    it('a renewal leaves a session that Redis lost to who uses it, and ends one that somebody else has', async () => {
      const sessions = newSessions();
      const evicted: string[] = [];
      for (const session of ['lost', 'stolen', 'owned']) {
        await sessions.claim(session, 'acme', 'alice');
        sessions.hold(session, 'acme', 'alice', { evict: () => void evicted.push(session) });
      }
      await redis.del('ai:session:lost');
      await redis.set('ai:session:stolen', '["evil","eve"]');
      await begin(redis);
      await sessions.renew();
      expect(evicted).toEqual(['stolen']);
      await end(redis);
      await sessions.renew();
      expect(await redis.get('ai:session:lost')).toBe('["acme","alice"]');
    });

    it('a command that is refused is not taken for one that was added, also after a clock that was set back', async () => {
      const share = UNPREFIXED.tenantCommands('ai:commands', 'acme');
      const stream = new CommandStream(
        redis,
        UNPREFIXED,
        {
          commandStream: 'ai:commands',
          commandStreamMaxLength: 1000,
          commandStreamMaxBytes: 1_000_000,
          commandTenantBytes: 100_000,
          commandTenantWindowMs: 1000,
          maxCommandIds: 10,
          commandIdTtlMs: 60_000,
          redisTimeoutMs: 1000,
        },
        () => performance.now(),
      );
      const command: CommandToAdd = { entry: ['type', 'ask'], tenantId: 'acme', session: 's1', onceId: 'c1' };
      // As a clock that was an hour ahead left it.
      await redis.set(share, `${Date.now() + 3_600_000}`);
      await begin(redis);
      expect(await stream.add(command)).toBe('over share');
      await end(redis);
      await redis.del(share);
      await begin(redis);
      await expect(stream.add({ ...command, tenantId: 'other' })).rejects.toThrow(kind);
      await end(redis);
      expect(await redis.xlen('ai:commands')).toBe(0);
      expect(await stream.add({ ...command, tenantId: 'other' })).toBe('added');
      expect(await redis.xlen('ai:commands')).toBe(1);
    });

    it('a dashboard that opens shows its state', async () => {
      await redis.set('acme:dashboard:state:d', 'all is well');
      started = await startBridge(server.url);
      await begin(redis);
      const dashboard = await connect(`${started.url}/ws/bi/dashboards/d`, ALICE);
      expect(await dashboard.nextText()).toBe('all is well');
    });

    it('upgrades go on, a session without an owner is refused with 503, the log has it once, and all heals', async () => {
      started = await startBridge(server.url);
      const { url, logLines } = started;
      const ask = async (path: string, caller: Caller) => askUpgrade(url + path, await headersFor(caller));
      const first = await connect(`${url}/ws/ai/chat?session=owned`, ALICE);
      await begin(redis);
      const [dashboard, again, nobody, foreign] = await Promise.all([
        connect(`${url}/ws/bi/dashboards/1`, EVE),
        connect(`${url}/ws/ai/chat?session=owned`, ALICE),
        ask('/ws/ai/chat?session=nobody', EVE),
        ask('/ws/ai/chat?session=owned', EVE),
      ]);
      expect(nobody).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: NOT_CLAIMED });
      expect(foreign).toMatchObject({ status: 403 });
      const refusals = logLines
        .map((line) => JSON.parse(line) as { readonly msg: string; readonly reason?: string })
        .filter(({ msg }) => msg === 'redis refuses');
      expect(refusals).toEqual([
        expect.objectContaining({ reason: expect.stringMatching(`^${kind} `) as string }),
      ]);
      await end(redis);
      const healed = await connect(`${url}/ws/ai/chat?session=nobody`, EVE);
      for (const { socket } of [first, dashboard, again, healed]) expect(socket.readyState).toBe(socket.OPEN);
    });
  },
);

describe('while the replicas of a master have left it (NOREPLICAS)', () => {
  afterEach(async () => {
    await redis.config('SET', 'min-replicas-to-write', '0');
    await started?.bridge.close();
    started = undefined;
  });

  it('an upgrade is refused, also of the owner of a session: another may be the master by now', async () => {
    started = await startBridge(server.url);
    const path = `${started.url}/ws/ai/chat?session=s1`;
    const { socket } = await connect(path, ALICE);
    await redis.config('SET', 'min-replicas-to-write', '1');
    for (const url of [path, `${started.url}/ws/notifications`]) {
      expect(await askUpgrade(url, await headersFor(ALICE))).toMatchObject({ status: 503 });
    }
    socket.terminate();
  });
});
