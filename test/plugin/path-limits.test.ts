import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { closeRedisConnections } from '../../plugin/store/redis-connection';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { tellOf } from './kong-request';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  closeRedisConnections();
  await redis.stop();
});

/** Whether a limit of these paths counts an upgrade. */
async function counts(paths: readonly string[], path: string): Promise<boolean> {
  const config = rawConfig({
    rate_limits: [{ by: 'tenant', limit: 100, window_size: 60, burst: 100, paths, tiers: {} }],
    revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
    redis: { ...(rawConfig()['redis'] as object), url: redis.url, timeout: 10_000 },
    decision_timeout: 30_000,
  });
  const now = Math.floor(Date.now() / 1000);
  const token = await signToken({ iat: now, exp: now + 900 });
  const gatekeeper = new Gatekeeper(config, pino({ level: 'silent' }));
  const { status, responseHeaders } = await tellOf(gatekeeper, { headers: upgradeHeaders(token), path });
  expect(status).toBeUndefined();
  return 'RateLimit-Limit' in responseHeaders;
}

describe('a limit by paths', () => {
  it.each([
    '/ws/collaboration/doc',
    '/ws/collaboration/..%2Fdoc',
    '/ws/collaboration/..%2F..%2F..%2Fdoc',
    '/ws/collaboration/a%2F..%2F..%2Fdoc',
    '/ws/collaboration/%2Fdoc',
    '/ws/collaboration/',
  ])('counts %s, whose id is all that follows the prefix', async (path) => {
    expect(await counts(['/ws/collaboration/'], path)).toBe(true);
  });

  it.each(['/ws/collaboration', '/ws%2Fcollaboration/doc', '/ws/other/..%2Fcollaboration/doc'])(
    'does not count %s, which Kong does not route there',
    async (path) => {
      expect(await counts(['/ws/collaboration/'], path)).toBe(false);
    },
  );

  it.each([
    ['/räume/', '/räume/1'],
    ['/r%c3%a4ume/', '/räume/1'],
    ['/x/..//räume/', '/räume/1'],
    ['/a%2fb', '/a%2Fb'],
    ['/%61', '/a'],
  ])('of %s counts %s: a configured path may be spelt otherwise, too', async (prefix, path) => {
    expect(await counts([prefix], path)).toBe(true);
  });
});
