import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { parseConfig } from '../../../plugin/config/parse';
import { rawConfig, TOKEN_SECRET } from '../fixture';
import { ConfigError } from '../../../plugin/schema/config-error';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();

const { redis: REDIS } = rawConfig() as { readonly redis: object };

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
    const rate = (limit: number, burst: number) => ({ limit, windowSeconds: 60, burst });
    expect(config.rateLimits).toEqual([
      {
        by: 'tenant',
        rate: rate(60, 10),
        paths: [],
        tiers: new Map([
          ['free', rate(60, 10)],
          ['professional', rate(300, 50)],
          ['enterprise', rate(1000, 200)],
        ]),
        page: { seconds: 10, upgrades: 4 },
      },
      { by: 'tenant', rate: rate(30, 30), paths: ['/ws/ai/chat'], tiers: new Map() },
    ]);
    expect(config.tokenLocations).toEqual({
      headerNames: ['authorization'],
      subprotocolPrefixes: ['bearer.'],
      cookieNames: [],
      uriParamNames: [],
    });
    expect(config).toMatchObject({
      faultTolerant: true,
      revocation: { keyPrefix: 'blacklist:', faultTolerant: false },
    });
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
      'one pair of keys for both',
      {
        assertion_secret: null,
        assertion_private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        public_keys: [{ kid: 'a', key: JSON.stringify(publicKey.export({ format: 'jwk' })) }],
      },
      'config.assertion_private_key: expected another key than that of config.public_keys[0].key',
    ],
    [
      'a public key for a secret, with which anybody could sign tokens',
      { secret: spki },
      'config.secret: expected a shared secret, got a public key',
    ],
    [
      'a header of a question that is put into one text, which may be a secret',
      { authorization_service: { headers: { 'Authorization: Bearer hunter2': 'x' } } },
      /^config\.authorization_service\.headers: in a key: expected an HTTP field name$/,
    ],
    [
      'a hash tag of its own in a cluster',
      { redis: { ...REDIS, url: 'redis+cluster://redis:6379', key_prefix: '{ws}:' } },
      'config.redis.key_prefix: expected no brace',
    ],
    [
      'an issuer without a name',
      { tenant_prefixes: { '': 'a' } },
      'config.tenant_prefixes: in a key: Too small: expected string to have >=1 characters',
    ],
    [
      'a header name with a space',
      { tenant_header: 'X Tenant' },
      'config.tenant_header: expected an HTTP field name, got "X Tenant"',
    ],
    [
      'one header for two things',
      { tenant_header: 'x-user-id' },
      'expected five different header names, got "x-user-id" twice',
    ],
    ['a jwks_uri that is none', { jwks_uri: 'file:///etc/passwd' }, 'config.jwks_uri: expected an http'],
    [
      'only a jwks_uri for a secret’s algorithm',
      { secret: null, jwks_uri: 'https://issuer/jwks' },
      'HS256 is allowed',
    ],
    [
      'an Origin with a path',
      { allowed_origins: ['https://a.example/x'] },
      'config.allowed_origins[0]: expected an Origin like https://app.example.com or https://*.example.com, or * for any, got "https://a.example/x"',
    ],
    [
      'a star for a host',
      { allowed_origins: ['https://*'] },
      'config.allowed_origins[0]: expected an Origin',
    ],
    ['a limit of nothing', { rate_limits: [{ by: 'tenant', limit: 0 }] }, 'config.rate_limits[0].limit'],
    [
      "an address for Redis's URL",
      { redis: { ...(rawConfig()['redis'] as object), url: 'redis:6379' } },
      'config.redis.url: expected redis://, redis+sentinel://host:port,…/master-name or redis+cluster://',
    ],
    [
      'a Redis URL that no variable gave',
      { redis: { ...(rawConfig()['redis'] as object), url: '' } },
      'config.redis.url: expected redis://',
    ],
    [
      'a Redis URL with options in its query',
      { redis: { ...(rawConfig()['redis'] as object), url: 'redis://h?db=2' } },
      'config.redis.url: expected no query parameters, got db',
    ],
    ['nothing', undefined, 'config: '],
  ])('is refused with %s, naming the field', async (_, changes, message) => {
    const raw = changes === undefined ? undefined : rawConfig(changes);
    await expect(parseConfig(raw)).rejects.toThrow(ConfigError);
    await expect(parseConfig(raw)).rejects.toThrow(message);
  });

  it('never quotes a secret when it is refused', async () => {
    await expect(parseConfig(rawConfig({ secret: 'hunter2' }))).rejects.not.toThrow('hunter2');
    const redis = { ...(rawConfig()['redis'] as object), url: 'redis+cluster://u:hunter2@h/1' };
    await expect(parseConfig(rawConfig({ redis }))).rejects.toThrow('config.redis.url');
    await expect(parseConfig(rawConfig({ redis }))).rejects.not.toThrow('hunter2');
    for (const changes of [
      { allowed_origins: ['https://u:hunter2@a.example'] },
      { jwks_uri: 'https://u:hunter2@a.example/jwks' },
      { jwks_uri: 'https://:hunter2@a.example/jwks' },
      { jwks_uri: 'hunter2' },
      { assertion_private_key: 'hunter2' },
      { public_keys: [{ key: 'hunter2' }] },
      { redis: { ...redis, url: undefined, password: ['hunter2'] } },
    ]) {
      const refused = parseConfig(rawConfig(changes));
      await expect(refused).rejects.toThrow(ConfigError);
      await expect(refused).rejects.not.toThrow('hunter2');
    }
  });

  it('is taken from a Kong that read the schema of an earlier gatekeeper, without the fields that came later', async () => {
    const later = new Set(['optional_claims', 'user_claim_fallback', 'tier_key', 'rate_limit_reset']);
    const earlier = Object.entries(rawConfig()).filter(([name]) => !later.has(name));
    const { config } = await parseConfig(Object.fromEntries(earlier));
    expect(config.token).toMatchObject({ optionalClaims: [], userClaimFallback: undefined });
    expect(config).toMatchObject({ tierKey: undefined, rateLimitReset: 'seconds' });
  });

  it.each(['tier', 'tier:{user}', 'tier:{tenant', '{tenant}:{tenant}', 'tier:{{tenant}', '{{{tenant}}}', ''])(
    'names a tier_key without one {tenant}: %j',
    async (tierKey) => {
      await expect(parseConfig(rawConfig({ tier_key: tierKey }))).rejects.toThrow(
        `config.tier_key: expected a Redis key with {tenant} in it once, like tier:{tenant}, got "${tierKey}"`,
      );
    },
  );
});

describe('the window of a limit', () => {
  const windowsOf = async (given: object) => {
    const limit = { limit: 5, burst: 0 };
    const tiers = { free: { ...limit, ...given } };
    const { config } = await parseConfig(
      rawConfig({ rate_limits: [{ by: 'tenant', paths: [], ...limit, ...given, tiers }] }),
    );
    return config.rateLimits.flatMap(({ rate, tiers: rates }) =>
      [rate, rates.get('free')].map((each) => each?.windowSeconds),
    );
  };

  it.each([
    [{ window_size: 30 }, 30],
    [{ window_size: 30, window_seconds: null }, 30],
    [{ window_seconds: 30, window_size: null }, 30],
    [{ window_seconds: 30 }, 30],
    [{ window_size: 30, window_seconds: 30 }, 30],
    [{}, 60],
    [{ window_size: null, window_seconds: null }, 60],
  ])('is with %j %i seconds', async (given, seconds) => {
    expect(await windowsOf(given)).toEqual([seconds, seconds]);
  });

  it('is refused when its two names say different things', async () => {
    await expect(windowsOf({ window_size: 30, window_seconds: 60 })).rejects.toThrow(
      'config.rate_limits[0].window_size: expected the same as its earlier name window_seconds, or only one of them',
    );
  });
});
