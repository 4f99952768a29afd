import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { withDefaults } from '../../../kong-stand-in/plugin-config/defaults';
import { schemaFault, type ConfigValue } from '../../../kong-stand-in/plugin-config/field-schema';
import { configFaults } from '../../../kong-stand-in/plugin-config/validate';
import { withoutNulls } from '../../../kong-stand-in/plugin-config/nulls';
import { parseDump } from '../../../kong-stand-in/plugin-config/plugin-dump';
import { parseConfig } from '../../../plugin/config/parse';
import { pluginInfo } from '../../../plugin/server/plugin-info';
import { ConfigError } from '../../../plugin/schema/config-error';

type Config = Record<string, ConfigValue>;

const { config: schema } = parseDump(JSON.stringify(pluginInfo()));

const GOOD = {
  secret: 'the secret of the token issuer, 32 bytes+',
  assertion_secret: 'the secret of the assertion, over 32 bytes',
} as const satisfies Config;

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PUBLIC_PEM = ec.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const PRIVATE_PEM = ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const PUBLIC_JWK = JSON.stringify(ec.publicKey.export({ format: 'jwk' }));
const PRIVATE_JWK = JSON.stringify(ec.privateKey.export({ format: 'jwk' }));
const CERTIFICATE =
  '-----BEGIN CERTIFICATE-----\nMIIB of everybody who looks at it\n-----END CERTIFICATE-----';
const LIMIT = { limit: 5 };

/** Kong's complaints about a configuration as an operator writes it, references unresolved. */
function kongs(config: Config): string[] {
  return configFaults(schema, withDefaults(schema, config), 'config').map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

/** The gatekeeper's complaint about the same, as Kong hands it over. */
async function ours(config: Config): Promise<string | undefined> {
  try {
    await parseConfig(withoutNulls(withDefaults(schema, config)));
    return undefined;
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.message;
    throw cause;
  }
}

/** Wrong configurations, and what Kong's refusal names. */
const REFUSED: readonly [what: string, changes: Config, named: string][] = [
  ['a short secret', { secret: 'short' }, 'config.secret'],
  ['a public key for a secret', { secret: PUBLIC_PEM }, 'config.secret: expected a shared secret'],
  ['a public key for the assertion', { assertion_secret: PUBLIC_PEM }, 'config.assertion_secret: expected a'],
  ['a certificate for one of several', { secrets: [{ secret: CERTIFICATE }] }, 'config.secrets[0].secret'],
  ['a short assertion secret', { assertion_secret: 'short' }, 'config.assertion_secret'],
  ['one secret for both', { assertion_secret: GOOD.secret }, "'secret', 'assertion_secret'"],
  ['no key for assertions', { assertion_secret: null }, "'assertion_secret', 'assertion_private_key'"],
  ['a consumer by a claim that is not named', { consumer_by: 'claim' }, 'the consumer_claim'],
  ['a consumer by something else', { consumer_by: 'role' }, 'config.consumer_by'],
  ['a dot in the header of the assertion', { assertion_header: 'X.Assertion' }, 'config.assertion_header'],
  ['no key at all', { secret: null }, "HS256 needs the shared secret ('secret', 'secrets')"],
  ['a short secret of several', { secrets: [{ secret: 'short' }] }, 'config.secrets[0].secret'],
  [
    'more secrets than are tried',
    { secrets: Array.from({ length: 9 }, () => ({ secret: GOOD.secret })) },
    'config.secrets',
  ],
  ['a secret without its text', { secrets: [{ kid: 'a' }] }, 'config.secrets[0].secret'],
  ['RS256 without a key', { algorithms: ['RS256'] }, "RS256 needs a key ('public_keys', 'jwks_uri')"],
  ['a further algorithm without a key', { algorithms: ['HS256', 'EdDSA'] }, 'EdDSA needs a key'],
  [
    'HS512 with public keys alone',
    { secret: null, algorithms: ['HS512'], public_keys: [{ key: PUBLIC_PEM }] },
    'HS512 needs',
  ],
  ['HS256 with a jwks_uri alone', { secret: null, jwks_uri: 'https://issuer.example/jwks' }, 'HS256 needs'],
  ['no algorithm', { algorithms: [] }, 'config.algorithms'],
  ['the algorithm none', { algorithms: ['none'] }, 'config.algorithms[0]'],
  ['a public key that is none', { public_keys: [{ key: 'garbage' }] }, 'config.public_keys[0].key'],
  ['a private key for a public one', { public_keys: [{ key: PRIVATE_PEM }] }, 'got a private one'],
  ['a private JWK for a public one', { public_keys: [{ key: PRIVATE_JWK }] }, 'got a private one'],
  ['a private key that is none', { assertion_private_key: 'garbage' }, 'config.assertion_private_key'],
  ['a public key for a private one', { assertion_private_key: PUBLIC_PEM }, 'config.assertion_private_key'],
  ...[
    'ftp://x',
    'not a url',
    'https://',
    'https://user:pw@host/jwks',
    'https://a b/',
    'file:///etc/passwd',
    'https:/x',
  ].map((uri): [string, Config, string] => [`the jwks_uri ${uri}`, { jwks_uri: uri }, 'config.jwks_uri']),
  ...[
    ...['https://app.example.com//', 'https://app.example.com/path', 'app.example.com', '**', 'https://*'],
    ...[
      'https://a.*.com',
      'https://user@a.example',
      'https://a.example?x',
      'https://a b',
      'https://*.*.example',
    ],
  ].map((origin): [string, Config, string] => [
    `the Origin ${origin}`,
    { allowed_origins: [origin] },
    'config.allowed_origins[0]: expected an Origin',
  ]),
  ...[
    ...['X Tenant', 'Überschrift', 'X:Y', 'Host', 'HOST', 'connection', 'Upgrade', 'Sec-WebSocket-Key', 'TE'],
    ...[
      'sec-websocket-protocol',
      'Content-Length',
      'Transfer-Encoding',
      'Keep-Alive',
      'Trailer',
      'Expect',
      'Origin',
    ],
    ...[
      'Authorization',
      'Cookie',
      'Set-Cookie',
      'WWW-Authenticate',
      'X-Forwarded-For',
      'X-Real-IP',
      'traceparent',
    ],
    ...['X-Kong-Request-Id', 'Proxy-Connection', 'Retry-After'],
  ].flatMap((name): [string, Config, string][] =>
    ['tenant', 'user', 'roles', 'request_id', 'assertion'].map((of) => [
      `${of}_header ${name}`,
      { [`${of}_header`]: name },
      `config.${of}_header: `,
    ]),
  ),
  ...['bad header', 'Host', 'Connection', 'UPGRADE', 'Sec-WebSocket-Protocol', 'Cookie', 'Content-Type'].map(
    (name): [string, Config, string] => [
      `tokens in the header ${name}`,
      { header_names: ['authorization', name] },
      'config.header_names[1]: ',
    ],
  ),
  ['one header for two things', { tenant_header: 'X-User-ID' }, "'tenant_header', 'user_header'"],
  [
    'a prefix that no subprotocol has',
    { subprotocol_prefixes: ['be arer'] },
    'config.subprotocol_prefixes[0]',
  ],
  ['a name that no cookie has', { cookie_names: ['a=b'] }, 'config.cookie_names[0]'],
  ['a realm with a line break', { realm: 'a\nb' }, 'config.realm'],
  ['a realm that no header can carry', { realm: 'Räume' }, 'config.realm'],
  ...[
    'http://x',
    'redis://',
    'redis:6379',
    '//x',
    'redis://u:p@',
    'redis+sentinel://host',
    'redis+cluster://h/1',
    'redis://h?db=2',
    'redis://h/x',
  ].map((url): [string, Config, string] => [`the Redis URL ${url}`, { redis: { url } }, 'config.redis.url']),
  [
    'a Redis URL of revoked tokens',
    { revocation: { redis: { url: 'redis://h/x' } } },
    'config.revocation.redis.url',
  ],
  [
    'a prefix of revoked tokens',
    { revocation: { redis: { prefix: 'ws:x' } } },
    'config.revocation.redis.prefix',
  ],
  ...['a b', 'stäging:', 'x\n', '{x}:', 'x*', 'a[b]', 'a\\', 'ws:x', 'x'.repeat(129)].map(
    (prefix): [string, Config, string] => [
      `the prefix ${prefix}`,
      { redis: { prefix } },
      'config.redis.prefix',
    ],
  ),
  [
    'paths without a slash',
    { rate_limits: [{ ...LIMIT, paths: ['ws/ai'] }] },
    'config.rate_limits[0].paths[0]',
  ],
  ['paths with a query', { rate_limits: [{ ...LIMIT, paths: ['/ws?x'] }] }, 'config.rate_limits[0].paths[0]'],
  ['a limit of nothing', { rate_limits: [{ limit: 0 }] }, 'config.rate_limits[0].limit'],
  [
    'a window by both of its names',
    { rate_limits: [{ ...LIMIT, window_size: 30, window_seconds: 60 }] },
    'window_size',
  ],
  [
    'a tier’s window by both of its names',
    { rate_limits: [{ ...LIMIT, tiers: { free: { ...LIMIT, window_size: 30, window_seconds: 60 } } }] },
    'window_size',
  ],
  ['two issuers whose tenants may have one name', { issuers: ['a', 'b'] }, 'expected tenant_prefixes with'],
  [
    'one prefix for two issuers',
    { issuers: ['a', 'b'], tenant_prefix: 'x' },
    'expected tenant_prefixes with',
  ],
  [
    'a prefix for all and for each',
    { tenant_prefix: 'x', tenant_prefixes: { 'matih-platform': 'y' } },
    "'tenant_prefix', 'tenant_prefixes'",
  ],
  ['a prefix with white space', { tenant_prefix: 'a b' }, 'config.tenant_prefix: expected visible ASCII'],
  ['a long prefix', { tenant_prefix: 'x'.repeat(65) }, 'config.tenant_prefix'],
  [
    'a prefix of an issuer that no header can carry',
    { tenant_prefixes: { 'matih-platform': 'ü' } },
    'config.tenant_prefixes',
  ],
  ['refused upgrades of a tenant', { rate_limits: [{ ...LIMIT, counts: 'refused' }] }, 'expected by: ip'],
  [
    'a page of an address, which has many users',
    { rate_limits: [{ ...LIMIT, by: 'ip', page_seconds: 10 }] },
    'page_seconds',
  ],
  [
    'a page that lasts',
    { rate_limits: [{ ...LIMIT, page_seconds: 61 }] },
    'config.rate_limits[0].page_seconds',
  ],
  ['a page of one', { rate_limits: [{ ...LIMIT, page_upgrades: 1 }] }, 'config.rate_limits[0].page_upgrades'],
  ...['ws/x', '/ws//x', '/ws/x/', '/', '/ws/../x', '/ws/.', '/ws/%41', '/ws/é', '/ws/x?y', '/ws/a b'].map(
    (path): [string, Config, string] => [
      `a rule for the path ${path}`,
      { authorization: [{ paths: [path] }] },
      'config.authorization[0].paths[0]',
    ],
  ),
  ['a rule for no path', { authorization: [{ paths: [] }] }, 'config.authorization[0].paths'],
  ['a rule without paths', { authorization: [{ roles: ['a'] }] }, 'config.authorization[0].paths'],
  ['a rule for no role', { authorization: [{ paths: ['/x'], roles: [] }] }, 'config.authorization[0].roles'],
  ['a claim without values', { authorization: [{ paths: ['/x'], claim: ['a'] }] }, "'claim', 'values'"],
  ['values of no claim', { authorization: [{ paths: ['/x'], values: ['a'] }] }, "'claim', 'values'"],
  ['no value', { authorization: [{ paths: ['/x'], values: [] }] }, 'config.authorization[0].values'],
  ...[
    'opa/decision',
    'ftp://opa/decision',
    'http://user@opa/',
    'http://user:pass@opa/',
    'http://opa/decision?token=x',
    'http://opa/decision#x',
    'http:// opa/',
  ].map((url): [string, Config, string] => [
    `a service at ${url}`,
    { authorization: [{ paths: ['/x'], url }] },
    'config.authorization[0].url',
  ]),
  [
    'another form of a question',
    { authorization_service: { format: 'xml' } },
    'authorization_service.format',
  ],
  ['no time for an answer', { authorization_service: { timeout: 0 } }, 'authorization_service.timeout'],
  [
    'an answer that is remembered for ever',
    { authorization_service: { cache_seconds: 86_400 } },
    'authorization_service.cache_seconds',
  ],
  [
    'a question with a header of HTTP’s own',
    { authorization_service: { headers: { 'Content-Length': '1' } } },
    'authorization_service.headers',
  ],
  [
    'a question with a header that is none',
    { authorization_service: { headers: { 'Authorization: Bearer x': 'x' } } },
    'expected an HTTP field name',
  ],
  [
    'a header with a line break',
    { authorization_service: { headers: { 'X-Key': 'a\r\nHost: b' } } },
    'authorization_service.headers',
  ],
  [
    'details of no type',
    { authorization: [{ paths: ['/x'], details: { locations: ['a'] } }] },
    'config.authorization[0].details.type',
  ],
  [
    'details that need no action at all',
    { authorization: [{ paths: ['/x'], details: { type: 'a', read_actions: [] } }] },
    'config.authorization[0].details.read_actions',
  ],
  [
    'another access',
    { authorization: [{ paths: ['/x'], access: 'admin' }] },
    'config.authorization[0].access',
  ],
  [
    'something else that a rule does',
    { authorization: [{ paths: ['/x'], otherwise: 'allow' }] },
    'config.authorization[0].otherwise',
  ],
  ['another default', { authorization_default: 'refuse' }, 'config.authorization_default'],
  [
    'something else that counts',
    { rate_limits: [{ ...LIMIT, by: 'ip', counts: 'admitted' }] },
    'config.rate_limits[0].counts',
  ],
];

/** Wrong configurations that a schema of Kong's cannot tell from good ones: what is wrong, and the log line's reason. */
const BEYOND_A_SCHEMA: readonly [what: string, changes: Config, reason: string][] = [
  [
    'a secret that its vault does not have',
    { secret: '' },
    'config.secret: expected a secret of at least 32 bytes, got 0',
  ],
  [
    'a secret in a vault that is short',
    { assertion_secret: 'short' },
    'config.assertion_secret: expected a secret',
  ],
  [
    'one secret for both in a vault',
    { assertion_secret: GOOD.secret },
    'config.assertion_secret: expected another secret',
  ],
  ['a Redis URL that its vault does not have', { redis: { url: '' } }, 'config.redis.url: expected redis://'],
];

/** Those of them that Kong takes as they are written. */
const UNSAYABLE: readonly [why: string, changes: Config, reason: string][] = [
  [
    'keys of another kind than the algorithm',
    { algorithms: ['RS256'], public_keys: [{ key: PUBLIC_PEM }] },
    'RS256 is allowed, but no key fits it',
  ],
  [
    'a JWK for a secret that is none',
    { secrets: [{ secret: '{"kty":"RSA","n":"AAAAAAAAAAAAAAAAAAAA"}' }] },
    'config.secrets[0].secret: expected a JWK whose "kty" is "oct"',
  ],
  [
    'one secret for both, of several',
    { secrets: [{ secret: GOOD.assertion_secret }] },
    'config.assertion_secret: expected another secret than config.secrets[0].secret',
  ],
  [
    'a key in PEM that is damaged',
    { public_keys: [{ key: PUBLIC_PEM.replace(/\n.{10}/, '\n') }] },
    'config.public_keys[0].key: expected a public key',
  ],
  [
    'names that differ in case alone',
    { tenant_header: 'x-user-id' },
    'config.*_header: expected five different header names',
  ],
  [
    'a header for a token and for the upstream',
    { header_names: ['X-Tenant-ID'] },
    'config.header_names: expected none of',
  ],
  ['a port over 65535', { jwks_uri: 'https://issuer.example:70000/' }, 'config.jwks_uri: expected an http'],
  [
    'a host that no URL may have',
    { allowed_origins: ['https://a%zz.example'] },
    'config.allowed_origins[0]: expected an Origin',
  ],
  [
    'a prefix that begins another',
    { issuers: ['a', 'b'], tenant_prefixes: { a: 'x', b: 'xy' } },
    'config.tenant_prefixes: expected no prefix that begins another',
  ],
  [
    'an issuer without a prefix',
    { issuers: ['a', 'b', 'c'], tenant_prefixes: { a: 'a~', b: 'b~' } },
    'config.tenant_prefixes: expected a prefix for each',
  ],
  [
    'a prefix of an issuer that is not accepted',
    { tenant_prefixes: { 'matih-platform': 'a~', other: 'b~' } },
    'config.tenant_prefixes: expected issuers of config.issuers',
  ],
  [
    'tokens that may lack the issuer which chooses a prefix',
    { issuers: ['a', 'b'], tenant_prefixes: { a: 'a~', b: 'b~' }, optional_claims: ['iss'] },
    'config.optional_claims: expected no iss',
  ],
  ...['/ws/{a}{b}', '/ws/x{a}', '/ws/{}', '/ws/{a', '/ws/{1}', '/ws/{a}/{a}'].map(
    (path): [string, Config, string] => [
      `a template that is none: ${path}`,
      { authorization: [{ paths: [path] }] },
      'config.authorization[0].paths[0]: expected',
    ],
  ),
  ...['{id', 'id}', '{}', '{id}*', '{id}{id}', 'a*b', '**', '*a', '{kind}', '{id}:{kind}'].map(
    (value): [string, Config, string] => [
      `a value that is none: ${value}`,
      { authorization: [{ paths: ['/ws/{id}', '/ws/x/{id}'], claim: ['a'], values: ['*', value] }] },
      'config.authorization[0].values[1]: expected',
    ],
  ),
  [
    'a header with a space at its end',
    { authorization_service: { headers: { 'X-Key': 'x ' } } },
    'config.authorization_service.headers.X-Key: expected printable ASCII without outer spaces',
  ],
  [
    'a location that is none',
    { authorization: [{ paths: ['/ws/{id}'], details: { type: 'a', locations: ['{kind}'] } }] },
    'config.authorization[0].details.locations[0]: expected',
  ],
  [
    'a value with a parameter that one of the paths has not',
    { authorization: [{ paths: ['/ws/{id}', '/ws/x'], claim: ['a'], values: ['{id}'] }] },
    'got {id}, which "/ws/x" has not',
  ],
  [
    'a Redis address with a port over 65535',
    { redis: { url: 'redis://host:70000' } },
    'config.redis.url: expected redis://',
  ],
];

describe("the schema, as Kong's validator reads it,", () => {
  it('is one that Kong takes', () => {
    expect(schemaFault(schema)).toBeUndefined();
  });

  it.each(REFUSED)('refuses %s, naming what is wrong', (_, changes, named) => {
    const faults = kongs({ ...GOOD, ...changes });
    expect(faults).toEqual([expect.stringContaining(named)]);
    for (const secret of [GOOD.secret, GOOD.assertion_secret]) expect(faults.join()).not.toContain(secret);
  });

  it.each(REFUSED)('refuses nothing that the gatekeeper would take: %s', async (_, changes) => {
    await expect(ours({ ...GOOD, ...changes })).resolves.toMatch(/^config[.[*]/);
  });

  it.each(UNSAYABLE)('cannot tell %s: the gatekeeper refuses and logs it', async (_, changes, reason) => {
    const config = { ...GOOD, ...changes };
    expect(kongs(config)).toEqual([]);
    await expect(ours(config)).resolves.toContain(reason);
  });

  it.each(BEYOND_A_SCHEMA)(
    'cannot look into a vault, %s: the gatekeeper refuses and logs it',
    async (_, changes, reason) => {
      const references = Object.fromEntries(
        Object.entries({ ...GOOD, ...changes }).map(([name, value]) => [
          name,
          typeof value === 'string' ? '{vault://env/x}' : { url: '{vault://env/x}' },
        ]),
      );
      expect(kongs(references)).toEqual([]);
      await expect(ours({ ...GOOD, ...changes })).resolves.toContain(reason);
    },
  );

  it.each<[string, Config]>([
    ['the secrets alone', {}],
    [
      'every secret in a vault',
      {
        secret: '{vault://env/a}',
        assertion_secret: '{vault://env/a}',
        redis: { url: '{vault://env/r}', password: '{vault://env/p}' },
        jwks_uri: '{vault://env/j}',
        public_keys: [{ key: '{vault://env/k}' }],
        assertion_private_key: '{vault://env/q}',
      },
    ],
    [
      'public keys in PEM and JWK',
      {
        secret: null,
        algorithms: ['ES256'],
        public_keys: [{ key: PUBLIC_PEM }, { kid: 'k', key: ` ${PUBLIC_JWK}\n` }],
      },
    ],
    ['a private key for assertions', { assertion_secret: null, assertion_private_key: PRIVATE_PEM }],
    ['a private JWK for assertions', { assertion_secret: null, assertion_private_key: PRIVATE_JWK }],
    [
      'Origins in any spelling',
      {
        allowed_origins: [
          'null',
          'https://App.Example.com:443',
          'https://*.Example.com',
          'https://bücher.example',
          'http://localhost:5173',
          'http://[::1]:3000',
          'chrome-extension://abcdef',
          'http://127.0.0.1',
        ],
      },
    ],
    ['URLs of keys', { jwks_uri: 'https://issuer.example:8443/realms/x/certs?format=jwk' }],
    ['a URL of keys at an address', { jwks_uri: 'http://[::1]:8080/jwks' }],
    ['Redis with a password', { redis: { url: 'rediss://app:p%40ss@redis.example:6380/5' } }],
    ['Redis without a user', { redis: { url: 'redis://:pw@127.0.0.1' } }],
    ['sentinels, a password with a question mark', { redis: { url: 'redis+sentinel://u:p?#@a,b/m' } }],
    ['sentinels', { redis: { url: 'redis+sentinel://u:p@a:26379,b:26379/master-1/2' } }],
    ['revoked tokens beside the limits, with a record of nothing', { revocation: { redis: {} } }],
    [
      'a Redis of revoked tokens',
      { revocation: { redis: { url: '{vault://env/r}', password: '{vault://env/p}', prefix: 'own:' } } },
    ],
    ['sentinels of revoked tokens', { revocation: { redis: { url: 'redis+sentinel://a,b/m' } } }],
    ['a cluster', { redis: { url: 'rediss+cluster://[::1]:7000,b:7001' } }],
    ...['', 'staging:', '@eu/1~%.-_:', 'x'.repeat(128)].map((prefix): [string, Config] => [
      `the prefix ${prefix}`,
      { redis: { prefix } },
    ]),
    [
      'other headers',
      { tenant_header: 'x_tenant_id', header_names: ['authorization', 'Proxy-Authorization', 'X-Token'] },
    ],
    ['a prefix of tenants', { tenant_prefix: 'b:' }],
    ['two issuers, each with its tenants', { issuers: ['a', 'b'], tenant_prefixes: { a: 'a~', b: 'b~' } }],
    ['two issuers that share their tenants', { issuers: ['a', 'b'], tenant_prefixes: { a: '', b: '' } }],
    ['tokens of any issuer', { issuers: [] }],
    ['refused upgrades of an address', { rate_limits: [{ ...LIMIT, by: 'ip', counts: 'refused' }] }],
    [
      'several secrets alone',
      { secret: null, secrets: [{ secret: GOOD.secret, kid: 'a' }, { secret: 'x'.repeat(32) }] },
    ],
    ['a page', { rate_limits: [{ ...LIMIT, by: 'route', page_seconds: 60, page_upgrades: 32 }] }],
    ['an address without pages', { rate_limits: [{ ...LIMIT, by: 'ip', page_seconds: 0 }] }],
    [
      'rules',
      {
        authorization: [
          { paths: ['/ws/bi/dashboards/{id}'], claim: ['a', 'b'], values: ['{id}', '*', 'x:{id}:*'] },
          { paths: ['/ws/{kind}/{id}'], roles: ['a'], access: 'read', otherwise: 'next' },
          { paths: ['/ws/{id}'], details: { type: 'a', locations: ['x/{id}', 'y/*'], write_actions: ['b'] } },
          { paths: ['/ws/{id}'], details: { type: 'a' } },
          { paths: ['/ws/{id}'], url: 'http://opa:8181/v1/data/ws/decision', access: 'read' },
          { paths: ['/ws/{id}'], url: 'https://[::1]/x' },
          { paths: ["/a-b_c.d~e!$&'()*+,;=:@f", '/ws/notifications'] },
        ],
        authorization_default: 'deny',
        authorization_service: { format: 'opa', headers: { Authorization: 'Bearer x' }, cache_seconds: 0 },
      },
    ],
    ['paths in any spelling', { rate_limits: [{ ...LIMIT, paths: ['/', '/ws/räume/', '/ws/%2F'] }] }],
  ])('takes %s, as the gatekeeper does', async (_, changes) => {
    const config = { ...GOOD, ...changes };
    expect(kongs(config)).toEqual([]);
    if (JSON.stringify(config).includes('vault://')) return;
    await expect(ours(config)).resolves.toBeUndefined();
  });
});
