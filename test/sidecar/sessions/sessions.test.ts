import { Redis } from 'ioredis';
import { redisSessionStore } from '../../../sidecar/sessions/session-store';
import {
  MAX_RENEW_INTERVAL_MS,
  RENEWED_AT_ONCE,
  renewIntervalMs,
  Sessions,
  type SessionHolder,
} from '../../../sidecar/sessions/sessions';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { UNPREFIXED } from '../fixture';

const TTL_MS = 60_000;
const BRIDGES_TTL_MS = 5000;
const BRIDGE = '00000000000000aa';
const OTHER_BRIDGE = '00000000000000bb';

let server: RedisServer;
let redis: Redis;
let sessions: Sessions;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  sessions = sessionsOf(BRIDGE);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** The sessions of a bridge. */
function sessionsOf(bridgeId: string): Sessions {
  const store = redisSessionStore(redis, bridgeId, { ttlMs: TTL_MS, bridgesTtlMs: BRIDGES_TTL_MS });
  return new Sessions(store, UNPREFIXED);
}

/** Whether a session is the claimant's then. */
async function claims(session: string, tenant: string, user: string, by = sessions): Promise<boolean> {
  return !(await by.claim(session, tenant, user)).isForeign;
}

async function isForeign(session: string, tenant: string, user: string): Promise<boolean> {
  return (await sessions.lookUp(session, tenant, user)).isForeign;
}

function holder(): SessionHolder & { evicted: boolean } {
  return {
    evicted: false,
    evict() {
      this.evicted = true;
    },
  };
}

describe('a session', () => {
  it('is claimed by one owner, however their names are put together', async () => {
    expect(await claims('s', 'a', 'b')).toBe(true);
    expect(await claims('s', 'a', 'b')).toBe(true);
    for (const [tenant, user] of [
      ['a', 'c'],
      ['c', 'b'],
      ['a","b', ''],
      ['', 'a,b'],
    ] as const) {
      expect(await claims('s', tenant, user)).toBe(false);
    }
  });

  it('is looked up without a claim: what may yet be refused leaves no key', async () => {
    await sessions.claim('hers', 'acme', 'alice');
    await redis.rpush('ai:session:odd', 'x');
    const asked = ['hers', 'nobody’s', 'odd'].map((session) => isForeign(session, 'acme', 'alice'));
    expect(await Promise.all(asked)).toEqual([false, false, true]);
    expect(await isForeign('hers', 'evil', 'eve')).toBe(true);
    expect((await redis.keys('*')).sort()).toEqual(['ai:session:hers', 'ai:session:odd']);
  });

  it('has one owner when all claim it at once', async () => {
    const users = Array.from({ length: 20 }, (_, index) => `u${index}`);
    const claimed = await Promise.all(users.map((user) => claims('s', 't', user)));
    expect(claimed.filter(Boolean)).toHaveLength(1);
  });

  it('that Redis lost goes to nobody else while its owner uses it on this bridge', async () => {
    const alice = holder();
    await sessions.claim('s', 'acme', 'alice');
    sessions.hold('s', 'acme', 'alice', alice);
    await redis.del('ai:session:s');
    expect(await isForeign('s', 'evil', 'eve')).toBe(true);
    expect(await redis.get('ai:session:s')).toBe('["acme","alice"]');
    await redis.del('ai:session:s');
    expect(await claims('s', 'evil', 'eve')).toBe(false);
    expect(alice.evicted).toBe(false);
    expect(await redis.get('ai:session:s')).toBe('["acme","alice"]');
  });

  it('that Redis lost and another bridge gave away is noticed with the next renewal, seconds later', async () => {
    const alice = holder();
    await sessions.claim('s', 'acme', 'alice');
    sessions.hold('s', 'acme', 'alice', alice);
    await redis.del('ai:session:s');
    const elsewhere = sessionsOf(OTHER_BRIDGE);
    expect(await claims('s', 'evil', 'eve', elsewhere)).toBe(true);
    await sessions.renew();
    expect(alice.evicted).toBe(true);
    expect(renewIntervalMs(86_400_000)).toBe(10_000);
  });

  it('in use is renewed, in one pass with all others', async () => {
    const names = Array.from({ length: 1200 }, (_, index) => `s${index}`);
    for (const name of names) {
      await sessions.claim(name, 't', 'u');
      sessions.hold(name, 't', 'u', holder());
    }
    await sessions.claim('unused', 't', 'u');
    const keys = [...names, 'unused'].map((name) => `ai:session:${name}`);
    for (const key of keys) await redis.pexpire(key, 1000);
    await sessions.renew();
    const left = await Promise.all(keys.map((key) => redis.pttl(key)));
    expect(left.slice(0, -1).every((ms) => ms > 1000)).toBe(true);
    expect(left.at(-1)).toBeLessThanOrEqual(1000);
  });

  it('is renewed with so many at a time that no renewal holds the loop for long', async () => {
    let [asked, most] = [0, 0];
    const standing = { isForeign: false, isNew: false, bridges: [] };
    const claim = async (): Promise<typeof standing> => {
      most = Math.max(most, (asked += 1));
      await new Promise((resolve) => setImmediate(resolve));
      asked -= 1;
      return standing;
    };
    const many = new Sessions({ lookUp: claim, claim }, UNPREFIXED);
    for (let number = 0; number < 3 * RENEWED_AT_ONCE; number += 1)
      many.hold(`s${number}`, 'a', 'b', holder());
    await many.renew();
    expect(most).toBe(RENEWED_AT_ONCE);
  });

  it('in use is renewed until the last of its holders lets go', async () => {
    const [one, two] = [holder(), holder()];
    sessions.hold('s', 't', 'u', one);
    sessions.hold('s', 't', 'u', two);
    sessions.release('s', one);
    sessions.release('s', one);
    await sessions.renew();
    expect(await redis.get('ai:session:s')).toBe('["t","u"]');
    sessions.release('s', two);
    expect(sessions.size).toBe(0);
    await redis.flushall();
    await sessions.renew();
    expect(await redis.get('ai:session:s')).toBeNull();
  });

  it('that turns out to be somebody else at a renewal evicts its holders, and no others', async () => {
    const [lost, kept] = [holder(), holder()];
    sessions.hold('lost', 't', 'u', lost);
    sessions.hold('kept', 't', 'u', kept);
    await redis.set('ai:session:lost', '["evil","eve"]');
    await sessions.renew();
    expect([lost.evicted, kept.evicted]).toEqual([true, false]);
  });

  it('whose key holds something else altogether is nobody’s', async () => {
    await redis.set('ai:session:s', '');
    expect(await claims('s', 't', 'u')).toBe(false);
    await redis.del('ai:session:s');
    await redis.rpush('ai:session:s', 'x');
    expect(await claims('s', 't', 'u')).toBe(false);
  });

  it('is renewed twice in its TTL, and every 10 seconds when that is sooner', () => {
    expect(renewIntervalMs(4000)).toBe(2000);
    expect(renewIntervalMs(86_400_000)).toBe(MAX_RENEW_INTERVAL_MS);
  });
});

describe('the bridges that keep the frames of a session', () => {
  const KEY = 'ai:session:{ai:session:s}';
  const bridgesOf = async (by: Sessions): Promise<readonly string[]> =>
    (await by.lookUp('s', 't', 'u', 'some')).bridges;

  it('are noted with its claim, in the order in which they came, and its owner is told them', async () => {
    const other = sessionsOf(OTHER_BRIDGE);
    expect(await sessions.claim('s', 't', 'u', 'some')).toEqual({
      isForeign: false,
      isNew: true,
      bridges: [],
    });
    expect(await other.claim('s', 't', 'u', 'some')).toEqual({
      isForeign: false,
      isNew: false,
      bridges: [BRIDGE],
    });
    await sessions.claim('s', 't', 'u', 'some');
    expect(await bridgesOf(sessions)).toEqual([BRIDGE, OTHER_BRIDGE]);
    expect(await redis.get(KEY)).toBe(`${BRIDGE} ${OTHER_BRIDGE}`);
    expect(await redis.get('ai:session:s')).toBe('["t","u"]');
  });

  it('are one alone when that one has all that the others have', async () => {
    await sessions.claim('s', 't', 'u', 'some');
    await sessionsOf(OTHER_BRIDGE).claim('s', 't', 'u', 'all');
    expect(await bridgesOf(sessions)).toEqual([OTHER_BRIDGE]);
  });

  it('are neither told nor noted for somebody else, nor for who needs nothing kept', async () => {
    await sessions.claim('s', 't', 'u', 'some');
    const eves = sessionsOf(OTHER_BRIDGE);
    expect(await eves.claim('s', 'evil', 'eve', 'all')).toEqual({
      isForeign: true,
      isNew: false,
      bridges: [],
    });
    expect(await eves.lookUp('s', 'evil', 'eve', 'some')).toMatchObject({ isForeign: true, bridges: [] });
    await eves.claim('s', 't', 'u');
    expect(await eves.lookUp('s', 't', 'u')).toEqual({ isForeign: false, isNew: false, bridges: [] });
    expect(await redis.get(KEY)).toBe(BRIDGE);
  });

  it('are the latest four', async () => {
    const ids = Array.from({ length: 6 }, (_, index) => `${index}`.repeat(16));
    for (const id of ids) await sessionsOf(id).claim('s', 't', 'u', 'some');
    expect(await bridgesOf(sessions)).toEqual(ids.slice(2));
  });

  it('of a claim that ended are none of the next one’s', async () => {
    await sessions.claim('s', 't', 'u', 'some');
    await redis.del('ai:session:s');
    expect(await sessions.lookUp('s', 't', 'u', 'some')).toEqual({
      isForeign: false,
      isNew: true,
      bridges: [],
    });
    await sessionsOf(OTHER_BRIDGE).claim('s', 't', 'u', 'some');
    expect(await redis.get(KEY)).toBe(OTHER_BRIDGE);
  });

  it('are noted again with each renewal, beside those that came since', async () => {
    await sessions.claim('s', 't', 'u', 'some');
    sessions.hold('s', 't', 'u', holder(), 'all');
    sessions.hold('s', 't', 'u', holder());
    await sessionsOf(OTHER_BRIDGE).claim('s', 't', 'u', 'all');
    await redis.pexpire(KEY, 1000);
    await sessions.renew();
    expect(await redis.get(KEY)).toBe(`${OTHER_BRIDGE} ${BRIDGE}`);
    expect(await redis.pttl(KEY)).toBeGreaterThan(1000);
    expect(await redis.pttl(KEY)).toBeLessThanOrEqual(BRIDGES_TTL_MS);
  });

  it.each([
    ['no text', (key: string) => redis.rpush(key, 'x')],
    ['no bridge’s id', (key: string) => redis.set(key, 'ws:control x')],
  ])('are none where their key holds %s, and the session is its owner’s all the same', async (_, put) => {
    await sessions.claim('s', 't', 'u');
    await put(KEY);
    expect(await sessions.lookUp('s', 't', 'u', 'some')).toEqual({
      isForeign: false,
      isNew: false,
      bridges: [],
    });
    expect(await claims('s', 't', 'u')).toBe(true);
    expect(await sessions.claim('s', 't', 'u', 'some')).toMatchObject({ isForeign: false });
  });

  it('are found by older bridges’ readers nowhere: the claim reads as it did', async () => {
    await sessions.claim('s', 't', 'u', 'all');
    const older = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', 1000)";
    expect(await redis.eval(older, 1, 'ai:session:s', '["t","u"]')).toBe('["t","u"]');
  });
});
