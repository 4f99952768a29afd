import { describe, expect, it } from '@jest/globals';
import type { TokenRules } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { configuredKeys } from '../../../plugin/keys/key-source';
import type { Refusal } from '../../../plugin/request/refusal';
import { verifyToken, type VerifiedToken } from '../../../plugin/token/verify';
import { NOW, rawConfig, signToken } from '../fixture';

async function verified(
  claims: Record<string, unknown>,
  changes: Record<string, unknown> = {},
): Promise<VerifiedToken | string> {
  const { config, keys } = await parseConfig(rawConfig(changes));
  const rules: TokenRules = config.token;
  return verifyToken(await signToken(claims), rules, [configuredKeys(keys.token)], NOW).catch(
    (cause: unknown) => `${(cause as Refusal).code}: ${(cause as Refusal).message}`,
  );
}

const LENIENT = { optional_claims: ['iss', 'aud', 'type'] };
const WRONG = [
  ['iss', 'wrong_issuer', ['someone', '', null, 7, ['matih-platform'], { 'matih-platform': 1 }, false]],
  ['aud', 'wrong_audience', ['other', '', null, 7, [], ['other'], [['matih-api']], { 'matih-api': 1 }]],
  ['type', 'wrong_type', ['refresh', 'service', 'api_key', 'Access', '', null, 0, ['access'], true]],
] as const;

describe('a token that lacks a claim', () => {
  it.each([
    ['iss', 'wrong_issuer: The token names no issuer'],
    ['aud', 'wrong_audience: The token names no audience'],
    ['type', 'wrong_type: The token names no type'],
  ])('is refused by default when it is %s, which says that it is not there', async (name, refusal) => {
    expect(await verified({ [name]: undefined })).toBe(refusal);
  });

  it.each(['iss', 'aud', 'type'])('is admitted where optional_claims has %s', async (name) => {
    expect(await verified({ [name]: undefined }, { optional_claims: [name] })).toMatchObject({
      jti: 'token-1',
    });
  });

  it.each(['iss', 'aud', 'type'])('is refused where optional_claims has all others but %s', async (name) => {
    const others = LENIENT.optional_claims.filter((other) => other !== name);
    expect(await verified({ [name]: undefined }, { optional_claims: others })).toMatch(/^wrong_.*names no/);
  });

  it('is refused all the same where required_claims has it, under whatever name the type has', async () => {
    const config = { ...LENIENT, required_claims: ['aud'] };
    expect(await verified({ aud: undefined }, config)).toBe('bad_claim: The token has no "aud"');
    const typ = { ...LENIENT, token_type_claim: ['ctx', 'typ'] };
    expect(await verified({ type: 'refresh' }, typ)).toMatchObject({ jti: 'token-1' });
    expect(await verified({ ctx: { typ: 'refresh' } }, typ)).toMatch(/^wrong_type/);
  });
});

describe('a claim that a token has', () => {
  it.each(WRONG.flatMap(([name, code, values]) => values.map((value) => [name, value, code] as const)))(
    'is checked although it is optional: %s %j',
    async (name, value, code) => {
      expect(await verified({ [name]: value }, LENIENT)).toMatch(
        new RegExp(`^${code}: The token's .* is not accepted$`),
      );
    },
  );

  it('may be one of several that are accepted, and an audience one of a list', async () => {
    const config = {
      ...LENIENT,
      audiences: ['a', 'b'],
      issuers: ['i', 'j'],
      tenant_prefixes: { i: '', j: '' },
      token_types: ['access', 'oauth2'],
    };
    const claims = { aud: ['x', 'b'], iss: 'j', type: 'oauth2' };
    expect(await verified(claims, config)).toMatchObject({ jti: 'token-1' });
  });

  it('is of no account where no accepted values are listed', async () => {
    const config = { issuers: [], audiences: [], token_types: [] };
    expect(await verified({ iss: 7, aud: null, type: ['x'] }, config)).toMatchObject({ jti: 'token-1' });
  });
});

describe('the user of a token', () => {
  const config = { user_claim: ['user_id'], user_claim_fallback: ['sub'] };
  const user = async (claims: Record<string, unknown>, changes: Record<string, unknown> = config) => {
    const token = await verified(claims, changes);
    return typeof token === 'string' ? token : token.identity.userId;
  };

  it('is its user_claim, a number or text, and user_claim_fallback only where it has none', async () => {
    expect(await user({ user_id: 42, sub: 'jane@acme.example' })).toBe('42');
    expect(await user({ user_id: '42', sub: undefined })).toBe('42');
    expect(await user({ user_id: 0 })).toBe('0');
    expect(await user({})).toBe('u1');
    expect(await user({ user_id: null })).toBe('u1');
  });

  it.each([[''], [1.5], [9_007_199_254_740_992], [{}], [['42']], [true]])(
    'is refused when its user_claim is %j, whatever its user_claim_fallback is',
    async (claim) => {
      expect(await user({ user_id: claim })).toBe('bad_claim: The token names no user');
    },
  );

  it('is refused when it has neither, or the fallback is not configured', async () => {
    expect(await user({ sub: undefined })).toBe('bad_claim: The token names no user');
    expect(await user({ sub: undefined, user_id: 42 }, {})).toBe('bad_claim: The token names no user');
  });
});
