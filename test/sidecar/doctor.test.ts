import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { diagnose } from '../../sidecar/doctor/doctor';
import { findingLine, type Finding } from '../../sidecar/doctor/finding';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { SECRET } from './fixture';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  await redis.stop();
});

async function findings(env: Record<string, string>, now = Date.now): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const whole = { BRIDGE_ASSERTION_SECRET: SECRET, REDIS_URL: redis.url, ...env };
  const options = { env: whole, gateway: undefined, timeoutMs: 1000, now };
  for await (const finding of diagnose(options)) found.push(finding);
  return found;
}

const failed = (found: readonly Finding[]) => found.filter(({ ok }) => !ok).map(findingLine);

describe('ws-bridge doctor', () => {
  it('finds nothing wrong where a bridge would be ready', async () => {
    const found = await findings({});
    expect(failed(found)).toEqual([]);
    const subjects = found.map(({ subject }) => subject);
    expect(subjects).toEqual(['settings', 'keys', 'routes', 'redis', 'clock', 'delivery', 'gateway']);
  });

  it('names every setting at fault, and goes no further', async () => {
    const found = await findings({ BRIDGE_PORT: 'x', BRIDGE_ASSERTION_SECRET: 'short' });
    expect(found.map(findingLine)).toEqual([
      'FAIL  settings   BRIDGE_PORT: expected a whole number from 0 to 65535: see ws-bridge --help',
      'FAIL  settings   BRIDGE_ASSERTION_SECRET: expected at least 32 bytes: see ws-bridge --help',
    ]);
  });

  it('names a routes file that cannot be served', async () => {
    expect(failed(await findings({ BRIDGE_ROUTES_FILE: '/nowhere/routes.json' }))).toEqual([
      'FAIL  routes     /nowhere/routes.json: expected a readable file: mend BRIDGE_ROUTES_FILE',
    ]);
  });

  it('says that Redis is not there, by its address and without its password', async () => {
    const found = await findings({ REDIS_URL: 'redis://user:hush-hush@127.0.0.1:1/0' });
    const [line = ''] = failed(found);
    expect(line).toMatch(
      /^FAIL {2}redis {6}127\.0\.0\.1:1 cannot be used \(.*ECONNREFUSED.*\): start Redis there/,
    );
    expect(found.map(findingLine).join('\n')).not.toContain('hush');
  });

  it('says that the clocks are apart, and by how much', async () => {
    const found = await findings({}, () => Date.now() + 60_000);
    const [line = '', ...others] = failed(found);
    expect(line).toMatch(
      /^FAIL {2}clock {6}(59|60)\d{3} ms from that of Redis, expected at most 5000: synchronise/,
    );
    expect(others).toEqual([]);
  });

  it('says that Redis delivers nothing to a user that may not subscribe', async () => {
    const admin = new Redis(redis.url);
    await admin.call('ACL', 'SETUSER', 'mute', 'on', '>mute-password', '~*', '+@all', 'resetchannels');
    admin.disconnect();
    const [line = ''] = failed(
      await findings({ REDIS_URL: redis.url.replace('://', '://mute:mute-password@') }),
    );
    expect(line).toContain('NOPERM');
    expect(line).not.toContain('mute-password');
  });
});
