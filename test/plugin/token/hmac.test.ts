import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseConfig } from '../../../plugin/config/parse';
import type { GatekeeperConfig } from '../../../plugin/config/config';
import { configuredKeys, type KeySource } from '../../../plugin/keys/key-source';
import { Refusal } from '../../../plugin/request/refusal';
import { verifyToken } from '../../../plugin/token/verify';
import type { FittedKey } from '../../../protocol/keys';
import { goodClaims, NOW, rawConfig } from '../fixture';

/** Long enough for each hash. */
const TOKEN_SECRET = 'the secret of the token issuer, which has at least sixty-four bytes';

let config: GatekeeperConfig;
let inPlace: KeySource;
let byJose: KeySource;
beforeAll(async () => {
  const { config: parsed, keys } = await parseConfig(
    rawConfig({ algorithms: ['HS256', 'HS512'], secret: TOKEN_SECRET }),
  );
  config = parsed;
  inPlace = configuredKeys(keys.token);
  byJose = configuredKeys(
    keys.token.map(({ key, algorithms, kid }): FittedKey => ({ key, algorithms, kid })),
  );
});

/** The outcome of a token: its claims, or the refusal. */
async function judge(token: string, keys: KeySource): Promise<unknown> {
  try {
    return await verifyToken(token, config.token, [keys], NOW);
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    return { code: cause.code, status: cause.status, message: cause.message };
  }
}

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function signed(header: string, payload: string, hash = 'sha256', secret = TOKEN_SECRET): string {
  const input = `${header}.${payload}`;
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
}

const JSON_VALUES = [
  null,
  true,
  0,
  -1,
  '',
  'x',
  [],
  ['b64'],
  ['exp'],
  {},
  NOW + 900,
  'JWT',
  'HS256',
  'HS512',
];
const value = fc.constantFrom(...JSON_VALUES);
const header = fc
  .dictionary(fc.constantFrom('alg', 'typ', 'kid', 'crit', 'b64', 'cty', 'zip', '__proto__'), value)
  .map((changes) => base64url({ alg: 'HS256', ...changes }));
const payload = fc
  .dictionary(
    fc.constantFrom('iss', 'aud', 'sub', 'exp', 'nbf', 'iat', 'jti', 'type', 'tenant_id', 'roles'),
    value,
  )
  .map((changes) => base64url({ ...goodClaims, ...changes }));
const text = fc.constantFrom('', 'null', '[]', '"x"', '{', '{"alg":"HS256"}', 'A', 'é').map(base64url);
const odd = fc.constantFrom('A', 'AA=', 'A+/A', 'e30 ', 'e30\n', '', '....', 'e30.e30', 'é');
const token = fc
  .record({
    header: fc.oneof({ weight: 8, arbitrary: header }, text, odd),
    payload: fc.oneof({ weight: 8, arbitrary: payload }, text, odd),
    hash: fc.constantFrom('sha256', 'sha256', 'sha256', 'sha384', 'sha512'),
    secret: fc.constantFrom(TOKEN_SECRET, TOKEN_SECRET, TOKEN_SECRET, 'another secret'),
  })
  .map((parts) => signed(parts.header, parts.payload, parts.hash, parts.secret));
/** One character replaced, left out or put in; the last ones are those where base64url has more than one spelling. */
const mutation = fc.record({
  at: fc.oneof(fc.nat(), fc.constantFrom(-1, -2)),
  removed: fc.constantFrom(0, 1),
  put: fc.constantFrom('', 'A', 'B', 'Q', 'g', '_', '-', '+', '/', '=', '.', ' ', '\n', 'é'),
});
const mutated = fc.tuple(token, fc.array(mutation, { maxLength: 2 })).map(([whole, mutations]) =>
  mutations.reduce((text, { at, removed, put }) => {
    const from = at < 0 ? text.length + at : at % (text.length + 1);
    return text.slice(0, from) + put + text.slice(from + removed);
  }, whole),
);

const GOOD_HEADER = base64url({ alg: 'HS256' });
/** One of each outcome, which chance may leave out. */
const PLAIN = [
  signed(GOOD_HEADER, base64url(goodClaims)),
  signed(GOOD_HEADER, base64url(goodClaims), 'sha256', 'another secret'),
  signed(GOOD_HEADER, base64url('{')),
  signed(GOOD_HEADER, base64url({ ...goodClaims, iss: 'x' })),
  signed(GOOD_HEADER, base64url({ ...goodClaims, exp: NOW - 900 })),
];

describe('a token is judged by the clock that is given, and by its tolerance', () => {
  const LONG_AGO = 1_000_000_000;
  const times = { iat: LONG_AGO, nbf: LONG_AGO + 5, exp: LONG_AGO + 900 };
  const text = signed(GOOD_HEADER, base64url({ ...goodClaims, ...times }));
  const isGoodAt = (keys: KeySource, now: number): Promise<boolean> =>
    verifyToken(text, config.token, [keys], now).then(
      () => true,
      () => false,
    );

  it.each([
    ['jose', () => byJose],
    ['in place', () => inPlace],
  ])('whoever compares its signature: %s', async (_, keys) => {
    const { clockToleranceSeconds } = config.token;
    const begin = times.nbf - clockToleranceSeconds;
    const end = times.exp + clockToleranceSeconds;
    expect(await isGoodAt(keys(), begin - 1)).toBe(false);
    expect(await isGoodAt(keys(), begin)).toBe(true);
    expect(await isGoodAt(keys(), end - 1)).toBe(true);
    expect(await isGoodAt(keys(), end)).toBe(false);
  });
});

describe('a token with an HMAC is', () => {
  it('accepted and refused in place as by jose, whatever was changed of it', async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.oneof(token, mutated), async (text) => {
        const verdict = await judge(text, inPlace);
        expect(verdict).toEqual(await judge(text, byJose));
        const { code = 'accepted' } = verdict as { readonly code?: string };
        outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      }),
      { numRuns: 2000, examples: PLAIN.map((example) => [example]) },
    );
    // The tokens reach what they are made for.
    for (const code of ['accepted', 'bad_signature', 'malformed_token', 'bad_claim', 'expired']) {
      expect(outcomes.get(code)).toBeGreaterThan(0);
    }
  });

  it.each(['HS256', 'HS512'])('accepted with the hash of its algorithm, %s, and no other', async (alg) => {
    const parts = [base64url({ alg }), base64url(goodClaims)] as const;
    const right = alg === 'HS256' ? 'sha256' : 'sha512';
    const wrong = alg === 'HS256' ? 'sha512' : 'sha256';
    expect(await judge(signed(...parts, right), inPlace)).toMatchObject({ jti: goodClaims.jti });
    expect(await judge(signed(...parts, wrong), inPlace)).toMatchObject({ code: 'bad_signature' });
  });

  it('refused with a critical extension, however well it is signed', async () => {
    for (const more of [{ crit: ['exp'], exp: 1 }, { crit: [] }, { b64: false, crit: ['b64'] }]) {
      const text = signed(base64url({ alg: 'HS256', ...more }), base64url(goodClaims));
      expect(await judge(text, inPlace)).toMatchObject({ code: 'malformed_token' });
    }
  });
});
