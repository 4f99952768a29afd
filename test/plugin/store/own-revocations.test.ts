import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { decide } from '../../../plugin/decision/decide';
import { parseConfig } from '../../../plugin/config/parse';
import { readyFor } from '../../../plugin/prepare';
import { revocationRedis } from '../../../plugin/schema/redis';
import { closeStores } from '../../../plugin/store/held-stores';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { eventually } from '../../sidecar/fixture';
import { NOW, rawConfig, signToken, upgradeHeaders } from '../fixture';
import { ConfigError } from '../../../plugin/schema/config-error';

/** Its window is so long that what one upgrade counts is still there when a noisy machine looks. */
const LIMIT = { by: 'tenant', limit: 1000, window_size: 3600, burst: 1000, paths: [], tiers: {} };
/** A noisy machine must not look like a Redis that is away. */
const TIMEOUT_MS = 10_000;

let limits: RedisServer;
let tokens: RedisServer;
let ofLimits: Redis;
let ofTokens: Redis;

beforeEach(async () => {
  [limits, tokens] = await Promise.all([startRedis(), startRedis()]);
  [ofLimits, ofTokens] = [new Redis(limits.url), new Redis(tokens.url)];
  // A stop on purpose is nobody's fault.
  for (const client of [ofLimits, ofTokens]) client.on('error', () => undefined);
});
afterEach(async () => {
  closeStores();
  for (const client of [ofLimits, ofTokens]) client.disconnect();
  for (const server of [limits, tokens]) await server.stop();
});

interface Line {
  readonly msg: string;
  readonly redis?: string;
}

interface Changes {
  readonly revocation?: Record<string, unknown>;
  readonly ofLimits?: Record<string, unknown>;
  readonly ofTokens?: Record<string, unknown>;
  readonly all?: Record<string, unknown>;
}

/** As Kong fills in a record that nobody gave. */
const NOTHING = Object.fromEntries(
  (revocationRedis.fields ?? [])
    .flatMap((field) => Object.entries(field))
    .map(([name, { default: given = null }]) => [name, given]),
);

/** A gatekeeper whose limits are in one Redis, and its revoked tokens in another. */
async function gatekeeper(changes: Changes = {}) {
  const lines: Line[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const defaults = rawConfig()['redis'] as Record<string, unknown>;
  const ready = await readyFor(
    rawConfig({
      rate_limits: [LIMIT],
      redis: {
        ...defaults,
        url: limits.url,
        timeout: TIMEOUT_MS,
        ...changes.ofLimits,
      },
      revocation: {
        enabled: true,
        key_prefix: 'blacklist:',
        fault_tolerant: false,
        redis: { ...NOTHING, url: tokens.url, timeout: TIMEOUT_MS, ...changes.ofTokens },
        ...changes.revocation,
      },
      ...changes.all,
    }),
    log,
  );
  if (ready instanceof ConfigError) throw ready;
  return {
    lines,
    health: () => ready.health.answer(),
    upgrade: async (jti: string = randomUUID()): Promise<string> => {
      const headers = upgradeHeaders(await signToken({ jti }));
      const path = '/ws/notifications';
      const request = { headers, ip: '192.0.2.1', path, upstreamPath: path, rawQuery: '', routeId: 'r' };
      const verdict = await decide(request, ready.config, ready.context, NOW);
      return verdict.outcome === 'admitted' ? verdict.outcome : `${verdict.status} ${verdict.message}`;
    },
  };
}

const REVOKED = '401 The token was revoked';
const UNKNOWN = '503 Whether the token was revoked cannot be checked, try again later';

describe('a Redis of its own for revoked tokens', () => {
  it('alone knows who was revoked, and is asked for nothing else', async () => {
    const { upgrade, health } = await gatekeeper();
    await ofTokens.set('blacklist:there', '1');
    await ofLimits.set('blacklist:here', '1');
    expect([await upgrade('there'), await upgrade('here'), await upgrade()]).toEqual([
      REVOKED,
      'admitted',
      'admitted',
    ]);
    expect(await ofTokens.keys('*')).toEqual(['blacklist:there']);
    expect(await ofLimits.keys('ws-gatekeeper:rl:*')).toHaveLength(1);
    expect(await health()).toMatchObject({ status: 200 });
  });

  it.each([
    ['of its own', {}],
    ['that is the one of the limits', { revocation: { redis: null } }],
  ])('charges a revoked token to no limit again and again: in a Redis %s', async (_, changes) => {
    for (const one of [ofLimits, ofTokens]) await one.set('blacklist:stolen', '1');
    const all = { rate_limits: [{ ...LIMIT, limit: 1, burst: 2 }] };
    const { upgrade } = await gatekeeper({ ...changes, all });
    for (let n = 0; n < 9; n += 1) expect(await upgrade('stolen')).toBe(REVOKED);
    expect([await upgrade(), await upgrade()]).toEqual(['admitted', 'admitted']);
  });

  it('still refuses a revoked token whose key the other Redis has evicted', async () => {
    await ofLimits.config('SET', 'maxmemory-policy', 'allkeys-lru', 'maxmemory', '4mb');
    for (const one of [ofLimits, ofTokens]) await one.set('blacklist:gone', '1');
    const { upgrade } = await gatekeeper();
    for (let n = 0; (await ofLimits.exists('blacklist:gone')) === 1; n += 1) {
      await ofLimits.set(`tenants fill it ${n}`, 'x'.repeat(65_536));
    }
    expect(await upgrade('gone')).toBe(REVOKED);
    expect(await upgrade()).toBe('admitted');
  });

  it.each([
    ['503', false, UNKNOWN, UNKNOWN],
    ['admission, but of a token that it told to be revoked,', true, 'admitted', REVOKED],
  ])(
    'that is away means %s by revocation.fault_tolerant (%s); limits are counted on',
    async (_, tolerant, outcome, ofKnown) => {
      await ofTokens.mset('blacklist:revoked', '1', 'blacklist:unseen', '1');
      const { upgrade, health } = await gatekeeper({
        revocation: { fault_tolerant: tolerant },
        all: { fault_tolerant: false },
      });
      expect(await upgrade('revoked')).toBe(REVOKED);
      await tokens.stop();
      await eventually(async () => (await upgrade('unseen')) === outcome);
      expect(await upgrade('revoked')).toBe(ofKnown);
      expect(await health()).toMatchObject({ status: 503 });
      expect(await ofLimits.keys('ws-gatekeeper:rl:*')).toHaveLength(1);
      await tokens.restart();
      const again = new Redis(tokens.url);
      await again.set('blacklist:revoked', '1');
      await eventually(async () => (await upgrade('revoked')) === REVOKED);
      again.disconnect();
    },
  );

  it('goes on while the Redis of the limits is away: they are kept in memory, a revoked token is refused', async () => {
    await ofTokens.set('blacklist:revoked', '1');
    const { upgrade } = await gatekeeper();
    await upgrade();
    ofLimits.disconnect();
    await limits.stop();
    expect([await upgrade('revoked'), await upgrade()]).toEqual([REVOKED, 'admitted']);
  });

  it('has the prefix of the other, unless it has one of its own', async () => {
    await ofTokens.mset('staging:blacklist:a', '1', 'own:blacklist:b', '1');
    const inherited = await gatekeeper({ ofLimits: { prefix: 'staging:' } });
    expect([await inherited.upgrade('a'), await inherited.upgrade('b')]).toEqual([REVOKED, 'admitted']);
    const own = await gatekeeper({ ofLimits: { prefix: 'staging:' }, ofTokens: { prefix: 'own:' } });
    expect([await own.upgrade('a'), await own.upgrade('b')]).toEqual(['admitted', REVOKED]);
  });

  it('is the only one of the two whose evictions are told of, and its log lines name it', async () => {
    for (const one of [ofLimits, ofTokens]) {
      await one.config('SET', 'maxmemory-policy', 'allkeys-lru', 'maxmemory', '1gb');
    }
    const { lines, upgrade } = await gatekeeper();
    const about = () => lines.filter(({ msg }) => msg.startsWith('maxmemory'));
    await eventually(() => about().length > 0);
    // Both are asked: what either says of its memory has come by then.
    expect(await upgrade()).toBe('admitted');
    await new Promise((resolve) => setImmediate(resolve));
    expect(about()).toEqual([
      expect.objectContaining({
        redis: 'revocation',
        msg: 'maxmemory-policy allkeys-lru evicts: a revoked token (blacklist:…) may be admitted again: use noeviction',
      }),
    ]);
  });

  it('is all that is needed where nothing is limited', async () => {
    const { upgrade, health } = await gatekeeper({ all: { rate_limits: [] } });
    ofLimits.disconnect();
    await limits.stop();
    await ofTokens.set('blacklist:revoked', '1');
    expect([await upgrade('revoked'), await upgrade()]).toEqual([REVOKED, 'admitted']);
    expect(await health()).toMatchObject({ status: 200 });
  });

  it('is left alone where tokens are not looked up', async () => {
    const { upgrade } = await gatekeeper({ revocation: { enabled: false } });
    expect(await upgrade()).toBe('admitted');
    expect(String(await ofTokens.client('LIST'))).not.toContain('ws-gatekeeper');
  });

  it('is none where nothing of it is given, whatever Kong fills in; without a url or host it is refused', async () => {
    const configOf = (redis: unknown) =>
      parseConfig(rawConfig({ revocation: { ...(rawConfig()['revocation'] as object), redis } }));
    for (const nothing of [null, {}, NOTHING]) {
      expect((await configOf(nothing)).config.revocation.redis).toBeUndefined();
    }
    await expect(configOf({ ...NOTHING, port: 6380 })).rejects.toThrow(
      'config.revocation.redis: expected url or host',
    );
    const { redis } = (await configOf({ ...NOTHING, host: 'tokens' })).config.revocation;
    expect(redis).toMatchObject({ host: 'tokens', port: 6379, timeoutMs: 500, tls: false, tlsVerify: true });
  });
});
