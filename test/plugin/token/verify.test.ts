import { describe, expect, it } from '@jest/globals';
import { createHmac, createSecretKey } from 'node:crypto';
import { parseConfig } from '../../../plugin/config/parse';
import { configuredKeys, type VerificationKey } from '../../../plugin/keys/key-source';
import { Refusal } from '../../../plugin/request/refusal';
import { verifyToken, type VerifiedToken } from '../../../plugin/token/verify';
import { NOW, rawConfig, signToken, TOKEN_SECRET } from '../fixture';

interface Given {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly token?: string;
  readonly now?: number;
}

async function verify({ claims, config: changes, token, now = NOW }: Given): Promise<VerifiedToken> {
  const { config, keys } = await parseConfig(rawConfig({ clock_tolerance_seconds: 0, ...changes }));
  return verifyToken(token ?? (await signToken(claims)), config.token, [configuredKeys(keys.token)], now);
}

/** A token that is signed as it should be, and whose payload is this text. */
function signHs256Text(payload: string): string {
  const input = [`{"alg":"HS256"}`, payload].map((part) => Buffer.from(part).toString('base64url')).join('.');
  return `${input}.${createHmac('sha256', TOKEN_SECRET).update(input).digest('base64url')}`;
}

const ROLES = "The token's roles are not an array of strings";

describe('a token that is not accepted', () => {
  it.each<[string, Given, string, string]>([
    ['has expired', { claims: { exp: NOW - 1 } }, 'expired', 'The token has expired'],
    [
      'expired within this second',
      { claims: { exp: NOW + 0.5 }, now: NOW + 0.5 },
      'expired',
      'The token has expired',
    ],
    [
      'begins to be valid within this second',
      { claims: { nbf: NOW + 0.5 }, now: NOW + 0.4 },
      'not_yet_valid',
      'The token is not valid yet',
    ],
    ['is not valid yet', { claims: { nbf: NOW + 1 } }, 'not_yet_valid', 'The token is not valid yet'],
    ['is not valid for long', { claims: { nbf: NOW + 60 } }, 'not_yet_valid', 'The token is not valid yet'],
    [
      'was issued in the future',
      { claims: { iat: NOW + 1 } },
      'not_yet_valid',
      'The token was issued in the future',
    ],
    [
      'expires too late',
      { claims: { exp: NOW + 61 }, config: { maximum_expiration: 60 } },
      'bad_claim',
      'The token\'s "exp" is more than 60 seconds ahead',
    ],
    [
      'begins at a moment that no clock can hold',
      { claims: { nbf: -1e300 } },
      'bad_claim',
      'The token\'s "nbf" is no moment that a clock can hold',
    ],
    [
      'begins at a text',
      { claims: { nbf: 'soon' } },
      'bad_claim',
      'The token\'s "nbf" is missing or not of its type',
    ],
    [
      'ends at a text',
      { claims: { exp: 'soon' } },
      'bad_claim',
      'The token\'s "exp" is missing or not of its type',
    ],
    ['never ends', { claims: { exp: undefined } }, 'bad_claim', 'The token\'s "exp" is missing'],
    [
      'has a user that no header carries',
      { claims: { sub: ' u1' } },
      'bad_claim',
      "The token's identity is not accepted: user begins or ends with white space",
    ],
    ['has no tenant', { claims: { tenant_id: undefined } }, 'no_tenant', 'The token names no tenant'],
    ['has no user', { claims: { sub: undefined } }, 'bad_claim', 'The token names no user'],
    ['has a role that is no text', { claims: { roles: ['admin', 1] } }, 'bad_claim', ROLES],
    ['has roles that are a text', { claims: { roles: 'admin' } }, 'bad_claim', ROLES],
    ['has a number as its id', { claims: { jti: 7 } }, 'bad_claim', 'The token\'s "jti" is not a string'],
    [
      'lacks a claim that is required',
      { claims: { jti: undefined }, config: { required_claims: ['jti'] } },
      'bad_claim',
      'The token has no "jti"',
    ],
    [
      'has null as a claim that is required',
      { claims: { org: null }, config: { required_claims: ['org'] } },
      'bad_claim',
      'The token has no "org"',
    ],
    [
      'has nothing in a claim that is required',
      { claims: { org: '' }, config: { required_claims: ['org'] } },
      'bad_claim',
      'The token has no "org"',
    ],
    [
      'has two parts',
      { token: 'aGVhZA.cGF5bG9hZA' },
      'malformed_token',
      'The token is not three parts of base64url',
    ],
    [
      'has a header that is no JSON',
      { token: 'aGVhZA.cGF5.c2ln' },
      'malformed_token',
      "The token's header is not JSON",
    ],
    [
      'says nothing that is JSON',
      { token: signHs256Text('claims') },
      'malformed_token',
      'The token is malformed',
    ],
  ])('because it %s is refused in so many words', async (_, given, code, message) => {
    await expect(verify(given)).rejects.toMatchObject({ code, message });
  });

  it('by its algorithm, its key or its signature is refused in so many words', async () => {
    const foreign = await signToken({}, 'the secret of somebody else, 32 bytes+');
    await expect(verify({ token: foreign })).rejects.toMatchObject({
      code: 'bad_signature',
      message: "The token's signature does not verify",
    });
    await expect(
      verify({
        token: await signToken({}, undefined, { kid: 'k1' }),
        config: { algorithms: ['HS512'], secret: 'x'.repeat(64) },
      }),
    ).rejects.toMatchObject({
      code: 'algorithm_not_allowed',
      message: "The token's algorithm is not allowed",
    });
  });
});

describe('a token at a bound is accepted', () => {
  it.each<[string, Given]>([
    ['in its last second', { claims: { exp: NOW + 1 } }],
    ['in its first second', { claims: { nbf: NOW } }],
    ['in the second in which it begins to be valid', { claims: { nbf: NOW + 0.5 }, now: NOW + 0.5 }],
    ['in its last part of a second', { claims: { exp: NOW + 0.5 }, now: NOW + 0.4 }],
    ['in the second in which it was issued', { claims: { iat: NOW } }],
    ['without a time of issue', { claims: { iat: undefined } }],
    ['when it expires as late as may be', { claims: { exp: NOW + 60 }, config: { maximum_expiration: 60 } }],
    ['with 0 in a claim that is required', { claims: { org: 0 }, config: { required_claims: ['org'] } }],
    [
      'when it expires later by no more than clocks may differ',
      { claims: { exp: NOW + 65 }, config: { maximum_expiration: 60, clock_tolerance_seconds: 5 } },
    ],
    ['without an id', { claims: { jti: undefined } }],
    ['without roles', { claims: { roles: null } }],
  ])('%s', async (_, given) => {
    await expect(verify(given)).resolves.toMatchObject({ identity: { tenantId: 'acme', userId: 'u1' } });
  });

  it('and says who its user is, with every role', async () => {
    await expect(verify({})).resolves.toMatchObject({
      identity: { tenantId: 'acme', userId: 'u1', roles: ['analyst', 'admin'] },
      jti: 'token-1',
      exp: NOW + 900,
      consumer: undefined,
    });
  });

  it.each([
    ['of its claim', 'bob', 'bob'],
    ['of a number', 7, '7'],
    ['and has none where the claim is no name', { name: 'bob' }, undefined],
    ['and has none where no header carries it', 'b\nb', undefined],
    ['and has none without the claim', undefined, undefined],
  ])('and names the consumer %s', async (_, username, consumer) => {
    const config = { consumer_by: 'claim', consumer_claim: ['username'] };
    await expect(verify({ claims: { username }, config })).resolves.toMatchObject({ consumer });
  });

  it('and has a tier only where that is a text', async () => {
    const config = { tier_claim: ['tier'] };
    await expect(verify({ claims: { tier: 'enterprise' }, config })).resolves.toMatchObject({
      tier: 'enterprise',
    });
    await expect(verify({ claims: { tier: 7 }, config })).resolves.toMatchObject({ tier: undefined });
  });
});

describe('of several keys', () => {
  const OTHER = 'the secret that came before it, 32 bytes+';
  const secretKey = (secret: string): VerificationKey => ({ key: createSecretKey(Buffer.from(secret)) });

  /** The outcome of a token, and which sources were asked for its key. */
  async function verifyWith(token: string, ...sources: readonly (readonly VerificationKey[])[]) {
    const { config } = await parseConfig(rawConfig());
    const asked: unknown[][] = [];
    const verified = verifyToken(
      token,
      config.token,
      sources.map((keys, index) => ({
        candidates: (alg, kid) => {
          asked.push([index, alg, kid]);
          return Promise.resolve(keys);
        },
      })),
      NOW,
    );
    const outcome = await verified.then(
      () => 'accepted',
      (cause: unknown) => (cause instanceof Refusal ? cause.message : cause),
    );
    return { outcome, asked };
  }

  it('any may have signed a token, of each source in turn', async () => {
    const [right, wrong] = [secretKey(TOKEN_SECRET), secretKey(OTHER)];
    const token = await signToken();
    expect((await verifyWith(token, [wrong, right])).outcome).toBe('accepted');
    expect((await verifyWith(token, [], [wrong], [right])).outcome).toBe('accepted');
    expect((await verifyWith(token, [wrong], [wrong])).outcome).toBe("The token's signature does not verify");
    expect((await verifyWith(token, [], [])).outcome).toBe('No key is known for the token');
  });

  it('the one that signed it settles every other fault, and no further source is asked', async () => {
    const expired = await signToken({ exp: NOW - 60 });
    const { outcome, asked } = await verifyWith(expired, [secretKey(TOKEN_SECRET)], [secretKey(OTHER)]);
    expect([outcome, asked]).toEqual(['The token has expired', [[0, 'HS256', undefined]]]);
  });

  it.each([
    ['k1', 'k1'],
    [7, undefined],
  ])('those with the kid %p are asked for by %p', async (kid, askedFor) => {
    const { asked } = await verifyWith(await signToken({}, TOKEN_SECRET, { kid }), []);
    expect(asked).toEqual([[0, 'HS256', askedFor]]);
  });

  it('one that is none is a fault of the gatekeeper, and none of the token', async () => {
    const broken = {} as VerificationKey['key'];
    expect((await verifyWith(await signToken(), [{ key: broken }])).outcome).toBeInstanceOf(TypeError);
  });
});

it('a token says whether a key of the configuration verified it: whatever becomes of fetched ones it is still good', async () => {
  const { config, keys } = await parseConfig(rawConfig());
  const configured = configuredKeys(keys.token);
  const fetched = { candidates: (alg: string, kid: string | undefined) => configured.candidates(alg, kid) };
  const none = configuredKeys([]);
  const token = await signToken();
  const byConfigured = async (...sources: Parameters<typeof verifyToken>[2]) =>
    (await verifyToken(token, config.token, sources, NOW)).isByConfiguredKey;
  expect(await byConfigured(configured, fetched)).toBe(true);
  expect(await byConfigured(none, fetched)).toBe(false);
});
