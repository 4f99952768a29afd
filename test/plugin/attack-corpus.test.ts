import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CompactEncrypt, SignJWT } from 'jose';
import type { GatekeeperConfig } from '../../plugin/config/config';
import { parseConfig } from '../../plugin/config/parse';
import { decide, type DecisionContext } from '../../plugin/decision/decide';
import type { Admit, Reject } from '../../plugin/decision/verdict';
import { configuredKeys } from '../../plugin/keys/key-source';
import { RefusedUpgrades } from '../../plugin/decision/refused-upgrades';
import { MemoryLimits } from '../../plugin/store/memory-limits';
import { unremembered } from '../../plugin/token/cache';
import { verifyToken } from '../../plugin/token/verify';
import { goodClaims, NOW, rawConfig, TOKEN_SECRET, upgradeHeaders } from './fixture';

// A gatekeeper with secrets and an RSA key: what is an attack on one must not pass by another.
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const RSA_PEM = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const attacker = generateKeyPairSync('rsa', { modulusLength: 2048 });

const NAMED_SECRET = 'the secret of one kid alone, at least 32 bytes';
const OCT_JWK = JSON.stringify({ kty: 'oct', k: randomBytes(32).toString('base64url'), kid: 'oct-1' });

let config: GatekeeperConfig;
let context: DecisionContext;
beforeAll(async () => {
  const raw = rawConfig({
    algorithms: ['HS256', 'RS256'],
    secrets: [{ kid: 'secret-1', secret: NAMED_SECRET }, { secret: OCT_JWK }],
    public_keys: [{ kid: 'rsa-1', key: RSA_PEM }],
    cookie_names: ['session'],
    uri_param_names: ['token'],
    allowed_origins: ['https://app.example.com', 'https://*.apps.example.com'],
  });
  const parsed = await parseConfig(raw);
  config = parsed.config;
  const keys = [configuredKeys(parsed.keys.token)];
  context = {
    verifier: unremembered({ verify: (token, now) => verifyToken(token, config.token, keys, now) }),
    refused: new RefusedUpgrades(() => 0),
    messages: new MemoryLimits(() => 0, 2),
    assertionKey: parsed.keys.assertion,
    store: { ask: () => Promise.resolve({ admitted: true, states: [], revoked: false }) },
    fallbackStore: { ask: () => Promise.reject(new Error('not asked')) },
    newId: () => 'id',
    random: () => 0.5,
  };
});

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const hmac = (input: string, key: string | Buffer = TOKEN_SECRET, hash = 'sha256'): string =>
  createHmac(hash, key).update(input).digest('base64url');

/** A token signed with the right secret over exactly these parts, however odd they are. */
function signed(header: unknown, payload: unknown, key?: string | Buffer): string {
  const input = `${b64(header)}.${b64(payload)}`;
  return `${input}.${hmac(input, key)}`;
}
const HEADER = { alg: 'HS256', typ: 'JWT' };
const withClaims = (claims: Record<string, unknown>) => signed(HEADER, { ...goodClaims, ...claims });
const withHeader = (header: Record<string, unknown>, key?: string | Buffer) =>
  signed({ ...HEADER, ...header }, goodClaims, key);
const good = () => signed(HEADER, goodClaims);
const [goodHeader, goodPayload, goodSignature] = good().split('.') as [string, string, string];

function judge(headers: Record<string, string[]>, rawQuery = ''): Promise<Admit | Reject> {
  const request = { headers: { ...upgradeHeaders(), ...headers }, rawQuery, path: '/', upstreamPath: '/' };
  return decide(request, config, context, NOW);
}
const bearer = (token: string) => ({ authorization: [`Bearer ${token}`] });

it('the good token that every attack here is made from is admitted', async () => {
  expect((await judge(bearer(good()))).outcome).toBe('admitted');
});

type Attack = readonly [
  name: string,
  token: string | (() => string | Promise<string>),
  status: number,
  outcome: string,
];

/** Signed by the issuer's key over another spelling than RFC 7515's: many tokens that say the same. */
const overSpelling = (header: string, payload: string, suffix = ''): string =>
  `${header}.${payload}.${hmac(`${header}.${payload}`)}${suffix}`;
const bySuffix = (suffix: string): string => {
  const input = `${b64({ alg: 'RS256', kid: 'rsa-1' })}.${goodPayload}`;
  return `${input}.${sign('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')}${suffix}`;
};
const misspelled = Object.entries({
  'a padded header that is signed': overSpelling(`${b64({ alg: 'HS256' })}=`, goodPayload),
  'a payload that is signed with white space': overSpelling(goodHeader, ` ${goodPayload}`),
  'a payload that is signed with a line break': overSpelling(goodHeader, `${goodPayload}\n`),
  'a payload that is signed with stray bits': overSpelling(goodHeader, `${b64('{"a":1}').slice(0, -1)}R`),
  'a padded signature of RSA': bySuffix('=='),
}).map(([name, token]): Attack => [name, token, 401, 'malformed_token']);

const noneSpellings = ['none', 'None', 'NONE', 'nOnE', 'none ', '', 'null'].map((alg): Attack => [
  `alg ${JSON.stringify(alg)} without a signature`,
  `${b64({ alg })}.${goodPayload}.`,
  401,
  'algorithm_not_allowed',
]);

const signatures: Attack[] = [
  [
    'alg none with the signature of a good token',
    `${b64({ alg: 'none' })}.${goodPayload}.${goodSignature}`,
    401,
    'algorithm_not_allowed',
  ],
  ['an empty signature', `${goodHeader}.${goodPayload}.`, 401, 'bad_signature'],
  [
    'a truncated signature',
    `${goodHeader}.${goodPayload}.${goodSignature.slice(0, -4)}`,
    401,
    'bad_signature',
  ],
  ['a longer signature', `${goodHeader}.${goodPayload}.${goodSignature}AAAA`, 401, 'bad_signature'],
  ['a padded signature', `${goodHeader}.${goodPayload}.${goodSignature}=`, 401, 'malformed_token'],
  ['a padded payload', `${goodHeader}.${goodPayload}=.${goodSignature}`, 401, 'malformed_token'],
  ['base64 instead of base64url', `${goodHeader}.${goodPayload}.${'+/'.repeat(21)}A`, 401, 'malformed_token'],
  ['white space within', `${goodHeader}. ${goodPayload}.${goodSignature}`, 401, 'malformed_token'],
  ...misspelled,
  ['a fourth part', `${good()}.AAAA`, 401, 'malformed_token'],
  ['the payload alone', goodPayload, 401, 'malformed_token'],
  ['an empty payload', `${goodHeader}..${goodSignature}`, 401, 'malformed_token'],
  ['only dots', '..', 401, 'malformed_token'],
  ['HMAC with an empty key', () => withHeader({}, Buffer.alloc(0)), 401, 'bad_signature'],
  ['HMAC with the RSA public key in PEM', () => withHeader({}, RSA_PEM), 401, 'bad_signature'],
  [
    'HMAC with the RSA public key and its kid',
    () => withHeader({ kid: 'rsa-1' }, RSA_PEM),
    401,
    'bad_signature',
  ],
  [
    'HMAC with the RSA public key without line ends',
    () => withHeader({}, RSA_PEM.trim()),
    401,
    'bad_signature',
  ],
  ['HS384 with the right secret', () => signAs('HS384', 'sha384'), 401, 'algorithm_not_allowed'],
  ['HS512 with the right secret', () => signAs('HS512', 'sha512'), 401, 'algorithm_not_allowed'],
  ['RS256 by another key', () => rs256({ alg: 'RS256' }), 401, 'unknown_key'],
  [
    'RS256 by another key under the known kid',
    () => rs256({ alg: 'RS256', kid: 'rsa-1' }),
    401,
    'bad_signature',
  ],
  ['the secret of a kid under none', () => withHeader({}, NAMED_SECRET), 401, 'bad_signature'],
  [
    'the secret of a kid under another kid',
    () => withHeader({ kid: 'oct-1' }, NAMED_SECRET),
    401,
    'bad_signature',
  ],
  [
    'the secret of a kid under a list of kids',
    () => withHeader({ kid: ['secret-1'] }, NAMED_SECRET),
    401,
    'bad_signature',
  ],
  [
    "the RSA public key under a secret's kid",
    () => withHeader({ kid: 'secret-1' }, RSA_PEM),
    401,
    'bad_signature',
  ],
  ["an oct JWK's text for its secret", () => withHeader({ kid: 'oct-1' }, OCT_JWK), 401, 'bad_signature'],
  ["RS256 under a secret's kid", () => rs256({ alg: 'RS256', kid: 'secret-1' }), 401, 'unknown_key'],
  [
    'an HMAC claimed for RS256 under no kid',
    () => withHeader({ alg: 'RS256' }, NAMED_SECRET),
    401,
    'unknown_key',
  ],
  ['RS256 claimed for an HMAC', () => withHeader({ alg: 'RS256', kid: 'rsa-1' }), 401, 'bad_signature'],
  [
    'PS256, which is not allowed',
    `${b64({ alg: 'PS256', kid: 'rsa-1' })}.${goodPayload}.${goodSignature}`,
    401,
    'algorithm_not_allowed',
  ],
  [
    'ES256 with a signature of zeros',
    `${b64({ alg: 'ES256' })}.${goodPayload}.${'A'.repeat(86)}`,
    401,
    'algorithm_not_allowed',
  ],
];

function signAs(alg: string, hash: string): string {
  const input = `${b64({ alg })}.${goodPayload}`;
  return `${input}.${hmac(input, TOKEN_SECRET, hash)}`;
}
function rs256(header: { alg: 'RS256'; kid?: string; jwk?: object }): Promise<string> {
  return new SignJWT(goodClaims).setProtectedHeader(header).sign(attacker.privateKey);
}

const attackerJwk = attacker.publicKey.export({ format: 'jwk' });
const headers: Attack[] = [
  ['an embedded jwk', () => rs256({ alg: 'RS256', jwk: attackerJwk }), 401, 'unknown_key'],
  ['a jku', () => withHeader({ jku: 'https://attacker.example/jwks' }, 'x'.repeat(32)), 401, 'bad_signature'],
  [
    'an x5u',
    () => withHeader({ x5u: 'https://attacker.example/cert' }, 'x'.repeat(32)),
    401,
    'bad_signature',
  ],
  ['an x5c', () => withHeader({ x5c: ['AAAA'] }, 'x'.repeat(32)), 401, 'bad_signature'],
  [
    'a kid that is a path',
    () => withHeader({ kid: '../../dev/null' }, Buffer.alloc(0)),
    401,
    'bad_signature',
  ],
  ['a kid that is /dev/null', () => withHeader({ kid: '/dev/null' }, '\n'), 401, 'bad_signature'],
  ['a kid that is SQL', () => withHeader({ kid: "x' UNION SELECT 'key'--" }, 'key'), 401, 'bad_signature'],
  [
    'a kid that is a prototype',
    `${b64({ alg: 'RS256', kid: '__proto__' })}.${goodPayload}.${goodSignature}`,
    401,
    'unknown_key',
  ],
  [
    'a kid that is an object',
    `${b64({ alg: 'RS256', kid: { a: 1 } })}.${goodPayload}.${goodSignature}`,
    401,
    'unknown_key',
  ],
  ['an unknown crit', () => withHeader({ crit: ['exp'], exp: 1 }), 401, 'malformed_token'],
  ['an empty crit', () => withHeader({ crit: [] }), 401, 'malformed_token'],
  ['b64 false', () => withHeader({ b64: false, crit: ['b64'] }), 401, 'malformed_token'],
  ['a header that is a list', `${b64([])}.${goodPayload}.${goodSignature}`, 401, 'malformed_token'],
  ['a header that is no JSON', `${b64('{alg}')}.${goodPayload}.${goodSignature}`, 401, 'malformed_token'],
  [
    'a header without alg',
    `${b64({ typ: 'JWT' })}.${goodPayload}.${goodSignature}`,
    401,
    'algorithm_not_allowed',
  ],
  [
    'an alg that is a list',
    `${b64({ alg: ['HS256'] })}.${goodPayload}.${goodSignature}`,
    401,
    'algorithm_not_allowed',
  ],
  [
    'an alg that is an object',
    `${b64({ alg: { toString: 'HS256' } })}.${goodPayload}.${goodSignature}`,
    401,
    'algorithm_not_allowed',
  ],
  ['an encrypted token (JWE)', encrypted, 401, 'malformed_token'],
  ['a token within a token', () => signed({ ...HEADER, cty: 'JWT' }, good()), 401, 'malformed_token'],
  ['a token of 8 KB and more', () => withClaims({ padding: 'x'.repeat(9000) }), 401, 'malformed_token'],
];

function encrypted(): Promise<string> {
  const header = { alg: 'dir', enc: 'A256GCM', cty: 'JWT' };
  return new CompactEncrypt(Buffer.from(good())).setProtectedHeader(header).encrypt(randomBytes(32));
}

const duplicated = `{"iss":"matih-platform","aud":"matih-api","sub":"u1","tenant_id":"acme","tenant_id":"","type":"access","exp":${NOW + 900}}`;
const claims: Attack[] = [
  ['a payload that is no JSON', () => signed(HEADER, '{"sub":'), 401, 'malformed_token'],
  ['a payload that is a list', () => signed(HEADER, [goodClaims]), 401, 'malformed_token'],
  ['a payload that is text', () => signed(HEADER, '"acme"'), 401, 'malformed_token'],
  ['a payload that is null', () => signed(HEADER, 'null'), 401, 'malformed_token'],
  [
    'a payload that is no UTF-8',
    () => signed(HEADER, Buffer.from('ff', 'hex').toString('latin1')),
    401,
    'malformed_token',
  ],
  [
    'a claim twice, of which the last counts (RFC 7519 §4)',
    () => signed(HEADER, duplicated),
    403,
    'no_tenant',
  ],
  ['exp as text', () => withClaims({ exp: String(NOW + 900) }), 401, 'bad_claim'],
  ['exp as null', () => withClaims({ exp: null }), 401, 'bad_claim'],
  ['exp as a list', () => withClaims({ exp: [NOW + 900] }), 401, 'bad_claim'],
  ['exp as true', () => withClaims({ exp: true }), 401, 'bad_claim'],
  ['exp beyond what a clock can hold', () => withClaims({ exp: 1e306 }), 401, 'bad_claim'],
  ['exp in more than 64 bits', () => withClaims({ exp: 1e19 }), 401, 'bad_claim'],
  ['iat before what a clock can hold', () => withClaims({ iat: -1e306 }), 401, 'bad_claim'],
  ['nbf before what a clock can hold', () => withClaims({ nbf: -1e19 }), 401, 'bad_claim'],
  ['exp in the past', () => withClaims({ exp: NOW - 6 }), 401, 'expired'],
  ['exp zero', () => withClaims({ exp: 0 }), 401, 'expired'],
  ['exp below zero', () => withClaims({ exp: -1 }), 401, 'expired'],
  ['nbf in the future', () => withClaims({ nbf: NOW + 6 }), 401, 'not_yet_valid'],
  ['nbf as text', () => withClaims({ nbf: '0' }), 401, 'bad_claim'],
  ['iat in the future', () => withClaims({ iat: NOW + 6 }), 401, 'not_yet_valid'],
  ['iat as text', () => withClaims({ iat: '0' }), 401, 'bad_claim'],
  ['aud as a list of others', () => withClaims({ aud: ['a', 'b'] }), 401, 'wrong_audience'],
  ['aud as an object', () => withClaims({ aud: { 'matih-api': true } }), 401, 'wrong_audience'],
  ['aud with another case', () => withClaims({ aud: 'MATIH-API' }), 401, 'wrong_audience'],
  ['aud as a longer text', () => withClaims({ aud: 'matih-api-internal' }), 401, 'wrong_audience'],
  ['iss as a list', () => withClaims({ iss: ['matih-platform'] }), 401, 'wrong_issuer'],
  ['iss with a slash more', () => withClaims({ iss: 'matih-platform/' }), 401, 'wrong_issuer'],
  ['a refresh token', () => withClaims({ type: 'refresh' }), 401, 'wrong_type'],
  ['a type in a list', () => withClaims({ type: ['access'] }), 401, 'wrong_type'],
  ['tenant_id null', () => withClaims({ tenant_id: null }), 403, 'no_tenant'],
  ['tenant_id empty', () => withClaims({ tenant_id: '' }), 403, 'no_tenant'],
  ['tenant_id true', () => withClaims({ tenant_id: true }), 403, 'no_tenant'],
  ['tenant_id a list', () => withClaims({ tenant_id: ['acme'] }), 403, 'no_tenant'],
  ['tenant_id an object', () => withClaims({ tenant_id: { toString: 'acme' } }), 403, 'no_tenant'],
  ['tenant_id a fraction', () => withClaims({ tenant_id: 1.5 }), 403, 'no_tenant'],
  ['tenant_id beyond exact integers', () => withClaims({ tenant_id: 2 ** 53 }), 403, 'no_tenant'],
  [
    'tenant_id of 10 KB in a short token',
    () => withClaims({ tenant_id: 'x'.repeat(5000) }),
    401,
    'bad_claim',
  ],
  [
    'tenant_id with a newline',
    () => withClaims({ tenant_id: 'acme\nX-User-Roles: admin' }),
    401,
    'bad_claim',
  ],
  ['tenant_id with a NUL', () => withClaims({ tenant_id: 'acme\0' }), 401, 'bad_claim'],
  ['tenant_id with outer spaces', () => withClaims({ tenant_id: 'acme ' }), 401, 'bad_claim'],
  [
    'tenant_id with half a surrogate pair',
    () =>
      signed(HEADER, JSON.stringify({ ...goodClaims, tenant_id: 'X' }).replace('"X"', String.raw`"\ud800"`)),
    401,
    'bad_claim',
  ],
  ['sub with CR LF', () => withClaims({ sub: 'u1\r\nX-Tenant-ID: other' }), 401, 'bad_claim'],
  ['sub with a C1 control', () => withClaims({ sub: 'u1\u0085' }), 401, 'bad_claim'],
  ['sub missing', () => withClaims({ sub: undefined }), 401, 'bad_claim'],
  ['sub an object', () => withClaims({ sub: {} }), 401, 'bad_claim'],
  ['roles with a comma', () => withClaims({ roles: ['viewer,admin'] }), 401, 'bad_claim'],
  ['roles with CR LF', () => withClaims({ roles: ['a\r\nb'] }), 401, 'bad_claim'],
  ['roles nested', () => withClaims({ roles: [['admin']] }), 401, 'bad_claim'],
  ['roles as text', () => withClaims({ roles: 'admin' }), 401, 'bad_claim'],
  ['a thousand roles', () => withClaims({ roles: Array<string>(1000).fill('r') }), 401, 'bad_claim'],
  ['jti an object', () => withClaims({ jti: {} }), 401, 'bad_claim'],
];

describe('a token is refused with', () => {
  it.each([...noneSpellings, ...signatures, ...headers, ...claims])(
    '%s',
    async (_, token, status, outcome) => {
      const text = typeof token === 'string' ? token : await token();
      expect(await judge(bearer(text))).toMatchObject({ status, outcome });
    },
  );
});

describe('a request is refused with', () => {
  const other = withClaims({ jti: 'other' });
  const app = 'https://app.example.com';
  it.each<[string, Record<string, string[]>, string, number, string]>([
    [
      'two Authorization headers',
      { authorization: [`Bearer ${good()}`, `Bearer ${other}`] },
      '',
      401,
      'several_tokens',
    ],
    [
      'a good and an empty one',
      { authorization: [`Bearer ${good()}`, 'Bearer '] },
      '',
      401,
      'several_tokens',
    ],
    [
      'two tokens joined with a comma',
      { authorization: [`Bearer ${good()}, Bearer ${other}`] },
      '',
      401,
      'malformed_token',
    ],
    [
      'a hundred Authorization headers',
      { authorization: Array.from({ length: 100 }, (_, i) => `Bearer ${i}`) },
      '',
      401,
      'several_tokens',
    ],
    ['the token without a scheme', { authorization: [good()] }, '', 401, 'no_token'],
    ['another scheme', { authorization: [`Token ${good()}`] }, '', 401, 'no_token'],
    ['a scheme run together with the token', { authorization: [`Bearer${good()}`] }, '', 401, 'no_token'],
    ['a tab behind the scheme', { authorization: [`Bearer\t${good()}`] }, '', 401, 'no_token'],
    ['look-alike letters in the scheme', { authorization: [`Веаrer ${good()}`] }, '', 401, 'no_token'],
    ['non-ASCII in the token', { authorization: [`Bearer ${good()}é`] }, '', 401, 'malformed_token'],
    ['a NUL behind the token', { authorization: [`Bearer ${good()}\0`] }, '', 401, 'malformed_token'],
    ['a line break within', { authorization: [`Bearer ${good()}\nX: y`] }, '', 401, 'malformed_token'],
    ['quotes around the token', { authorization: [`Bearer "${good()}"`] }, '', 401, 'malformed_token'],
    [
      'another token as subprotocol',
      { ...bearer(good()), 'sec-websocket-protocol': [`bearer.${other}`] },
      '',
      401,
      'several_tokens',
    ],
    ['another token in the query', bearer(good()), `token=${other}`, 401, 'several_tokens'],
    [
      'another token in a cookie that counts',
      { ...bearer(good()), cookie: [`session=${other}`], origin: [app] },
      '',
      401,
      'several_tokens',
    ],
    ['two tokens in the query', {}, `token=${good()}&token=${other}`, 401, 'several_tokens'],
    [
      'two tokens as subprotocols',
      { 'sec-websocket-protocol': [`bearer.${good()}`, `bearer.${other}`] },
      '',
      401,
      'several_tokens',
    ],
    ['a cookie without Origin', { cookie: [`session=${good()}`] }, '', 403, 'origin_not_allowed'],
    [
      'a cookie from another site',
      { cookie: [`session=${good()}`], origin: ['https://evil.example'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'a good token from another site',
      { ...bearer(good()), origin: ['https://evil.example'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'an Origin that begins alike',
      { ...bearer(good()), origin: [`${app}.evil.example`] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'an Origin that ends alike',
      { ...bearer(good()), origin: ['https://evilapps.example.com'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'the wildcard’s own domain',
      { ...bearer(good()), origin: ['https://apps.example.com'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'a wildcard reached over a path',
      { ...bearer(good()), origin: ['https://evil.example/.apps.example.com'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'a wildcard reached over a user',
      { ...bearer(good()), origin: ['https://evil.example@x.apps.example.com'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'the allowed Origin over http',
      { ...bearer(good()), origin: ['http://app.example.com'] },
      '',
      403,
      'origin_not_allowed',
    ],
    [
      'the allowed Origin on another port',
      { ...bearer(good()), origin: [`${app}:8443`] },
      '',
      403,
      'origin_not_allowed',
    ],
    ['Origin null', { ...bearer(good()), origin: ['null'] }, '', 403, 'origin_not_allowed'],
    [
      'two Origins',
      { ...bearer(good()), origin: [app, 'https://evil.example'] },
      '',
      403,
      'origin_not_allowed',
    ],
    ['no upgrade', { ...bearer(good()), upgrade: ['h2c'] }, '', 426, 'not_an_upgrade'],
  ])('%s', async (_, requestHeaders, rawQuery, status, outcome) => {
    expect(await judge(requestHeaders, rawQuery)).toMatchObject({ status, outcome });
  });
});

describe('whatever an attacker does to a token', () => {
  it('no mutated token is ever admitted', async () => {
    const token = good();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ';
    const bytesOf = (text: string) =>
      text.split('.').map((part) => Buffer.from(part, 'base64url').toString('hex'));
    const edit = fc.record({
      at: fc.nat(token.length),
      remove: fc.nat(3),
      insert: fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const mutated = edits.reduce(
          (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
          token,
        );
        // The unused bits of a part's last character decode to the same bytes: that is the same token.
        fc.pre(bytesOf(mutated).join('.') !== bytesOf(token).join('.'));
        const { outcome } = await judge(bearer(mutated));
        expect(outcome).not.toBe('admitted');
      }),
      { numRuns: 2000 },
    );
  });

  it('no payload is admitted with a signature of another', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom('HS256', 'RS256', 'none', 'hs256'),
        async (payload, alg) => {
          const token = `${b64({ alg })}.${b64({ ...goodClaims, ...payload, x: 1 })}.${goodSignature}`;
          expect((await judge(bearer(token))).outcome).not.toBe('admitted');
        },
      ),
    );
  });

  it('what is admitted carries no control character to the upstream', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.array(text, { maxLength: 3 }), async (tenant, sub, roles) => {
        const verdict = await judge(bearer(withClaims({ tenant_id: tenant, sub, roles })));
        if (verdict.outcome !== 'admitted') return;
        for (const value of Object.values(verdict.upstreamHeaders)) {
          expect(Buffer.from(value).every((byte) => byte >= 0x20 && byte !== 0x7f)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
