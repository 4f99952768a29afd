import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { decide } from '../../../plugin/decision/decide';
import { readyFor } from '../../../plugin/prepare';
import { closeStores } from '../../../plugin/store/held-stores';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { NOW, rawConfig, signToken, upgradeHeaders } from '../fixture';
import { ConfigError } from '../../../plugin/schema/config-error';

const LIMIT = { window_size: 60, burst: 0, paths: [], tiers: {} };

let server: RedisServer;
let admin: Redis;

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
  // Redis denies all that it asks besides, of another name.
  await admin.call('ACL', 'SETUSER', 'staging', 'on', '>secret', 'resetkeys', '~staging:*', '+@all');
});
afterEach(async () => {
  closeStores();
  await admin.flushall();
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

/** A gatekeeper with a limit of one upgrade for a tenant, one for an address, and the tiers in Redis. */
async function gatekeeper(redis: Record<string, unknown>) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const raw = rawConfig({
    redis: {
      ...(rawConfig()['redis'] as object),
      host: '127.0.0.1',
      port: server.port,
      timeout: 5000,
      ...redis,
    },
    fault_tolerant: false,
    tier_key: 'tier:{tenant}',
    rate_limits: [
      { ...LIMIT, by: 'tenant', limit: 1, tiers: { gold: { ...LIMIT, limit: 5, burst: 5 } } },
      { ...LIMIT, by: 'ip', limit: 50, burst: 50 },
    ],
  });
  const ready = await readyFor(raw, log);
  if (ready instanceof ConfigError) throw ready;
  return {
    lines,
    async outcome(claims: Record<string, unknown> = {}): Promise<string> {
      const headers = upgradeHeaders(await signToken({ jti: randomUUID(), ...claims }));
      const path = '/ws/notifications';
      const request = { headers, ip: '192.0.2.1', path, upstreamPath: path, rawQuery: '', routeId: 'r' };
      return (await decide(request, ready.config, ready.context, NOW)).outcome;
    },
  };
}

describe.each([
  ['two databases', 1, 2],
  ['one database', 0, 0],
])('gatekeepers with prefixes of their own, in %s of one Redis,', (_, a, b) => {
  it('count apart, and know the revoked tokens and the tiers of their own environment alone', async () => {
    const staging = await gatekeeper({ database: a, prefix: 'staging:' });
    const production = await gatekeeper({ database: b, prefix: 'production:' });
    await admin.select(a);
    await admin.mset(
      'staging:blacklist:j1',
      '1',
      'blacklist:j2',
      '1',
      'staging:tier:rich',
      'gold',
      'tier:acme',
      'gold',
    );
    const outcomes = [
      [await staging.outcome(), await staging.outcome(), await production.outcome()],
      [
        await staging.outcome({ jti: 'j1', tenant_id: 't1' }),
        await production.outcome({ jti: 'j1', tenant_id: 't1' }),
      ],
      [await staging.outcome({ jti: 'j2', tenant_id: 't2' })],
      [await staging.outcome({ tenant_id: 'rich' }), await staging.outcome({ tenant_id: 'rich' })],
      [await production.outcome({ tenant_id: 'rich' }), await production.outcome({ tenant_id: 'rich' })],
    ];
    expect(outcomes).toEqual([
      ['admitted', 'rate_limited', 'admitted'],
      ['revoked', 'admitted'],
      ['admitted'],
      ['admitted', 'admitted'],
      ['admitted', 'rate_limited'],
    ]);
  });
});

describe('a prefix of a gatekeeper', () => {
  it('is before every key that it asks for', async () => {
    await admin.acl('LOG', 'RESET');
    const user = { username: 'staging', password: 'secret' };
    const staging = await gatekeeper({ ...user, prefix: 'staging:' });
    expect(await staging.outcome()).toBe('admitted');
    expect(await admin.acl('LOG')).toEqual([]);
    const keys = await admin.keys('*');
    expect(keys.sort()).toEqual([
      expect.stringMatching(/^staging:ws-gatekeeper:rl:\{acme\}:tenant:/),
      expect.stringMatching(/^staging:ws-gatekeeper:rl:\{ip:192\.0\.2\.1\}:ip:/),
    ]);
    // That Redis would have denied another.
    expect(await (await gatekeeper({ ...user, prefix: '' })).outcome()).toBe('redis_unreachable');
  });
});

describe('a gatekeeper in a database other than 0', () => {
  const warned = ({ lines }: Awaited<ReturnType<typeof gatekeeper>>) =>
    lines.filter(({ msg }) => String(msg).includes('database number'));

  it('warns when it is configured that this does not separate Pub/Sub', async () => {
    expect(warned(await gatekeeper({ database: 2 }))).toEqual([
      expect.objectContaining({ level: 40, database: 2 }),
    ]);
    expect(warned(await gatekeeper({ url: `${server.url}/3` }))).toEqual([
      expect.objectContaining({ level: 40, database: 3 }),
    ]);
  });

  it('is silent with a prefix, as one in database 0 is without', async () => {
    expect(warned(await gatekeeper({ database: 2, prefix: 'staging:' }))).toEqual([]);
    expect(warned(await gatekeeper({}))).toEqual([]);
  });
});
