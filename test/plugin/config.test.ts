import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, parseConfig } from '../../plugin/config';
import { rawConfig, TOKEN_SECRET } from './fixture';

const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ type: 'spki', format: 'pem' })
  .toString();

describe('the configuration', () => {
  it('has the defaults of the platform and is frozen', async () => {
    const { config, keys } = await parseConfig(rawConfig());
    expect(config.token).toMatchObject({
      algorithms: ['HS256'],
      issuers: ['matih-platform'],
      audiences: ['matih-api'],
      tokenTypes: ['access'],
      tenantClaim: ['tenant_id'],
      userClaim: ['sub'],
      rolesClaim: ['roles'],
    });
    expect(config.rateLimit).toEqual({ limit: 60, windowSeconds: 60, burst: 10 });
    expect(config.headerNames.tenant).toBe('X-Tenant-ID');
    expect(keys.token.map((key) => key.algorithms)).toEqual([['HS256']]);
    for (const part of [
      config,
      config.token,
      config.token.algorithms,
      config.redis,
      config.headerNames,
      keys,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('has no limit when limiting is switched off', async () => {
    const off = { enabled: false, limit: 60, window_seconds: 60, burst: 10 };
    expect((await parseConfig(rawConfig({ rate_limit: off }))).config.rateLimit).toBeUndefined();
  });

  it.each([
    ['no key at all', { secret: null }, 'config.algorithms: HS256 is allowed, but no key fits it'],
    ['a short secret', { secret: 'short' }, 'config.secret: expected a secret of at least 32 bytes, got 5'],
    [
      'an algorithm without its key',
      { algorithms: ['HS256', 'ES256'] },
      'ES256 is allowed, but no key fits it',
    ],
    [
      'an RSA algorithm and an EC key',
      { algorithms: ['RS256'], public_keys: [{ key: spki }] },
      'RS256 is allowed',
    ],
    [
      'a public key that is none',
      { public_keys: [{ kid: null, key: 'x' }] },
      'config.public_keys[0].key: expected a public key',
    ],
    ['no key for the assertion', { assertion_secret: null }, 'config.assertion_secret: expected this or'],
    ['one secret for both', { assertion_secret: TOKEN_SECRET }, 'expected another secret than config.secret'],
    [
      'a header name with a space',
      { tenant_header: 'X Tenant' },
      'config.tenant_header: expected an HTTP field name',
    ],
    ['one header for two things', { tenant_header: 'x-user-id' }, 'expected five different header names'],
    ['nothing', undefined, 'config.'],
  ])('is refused with %s, naming the field', async (_, changes, message) => {
    const raw = changes === undefined ? undefined : rawConfig(changes);
    await expect(parseConfig(raw)).rejects.toThrow(ConfigError);
    await expect(parseConfig(raw)).rejects.toThrow(message);
  });

  it('never quotes a secret when it is refused', async () => {
    await expect(parseConfig(rawConfig({ secret: 'hunter2' }))).rejects.not.toThrow('hunter2');
  });
});
