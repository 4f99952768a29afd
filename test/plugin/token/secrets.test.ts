import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseConfig } from '../../../plugin/config/parse';
import { configuredKeys } from '../../../plugin/keys/key-source';
import { Refusal } from '../../../plugin/request/refusal';
import { verifyToken } from '../../../plugin/token/verify';
import { ASSERTION_SECRET, NOW, rawConfig, signToken, TOKEN_SECRET } from '../fixture';

const [A, B, C] = ['a', 'b', 'c'].map((letter) => letter.repeat(64)) as [string, string, string];
const oct = (secret: string, more: object = {}) =>
  JSON.stringify({ kty: 'oct', k: Buffer.from(secret).toString('base64url'), ...more });

interface Configured {
  readonly secret: string;
  readonly kid?: string | null;
}

/** The outcome of a token: `admitted`, or that of its refusal. */
async function judge(
  token: string,
  secrets: readonly Configured[],
  changes: Record<string, unknown> = { secret: null },
): Promise<string> {
  const { config, keys } = await parseConfig(rawConfig({ secrets, ...changes }));
  try {
    await verifyToken(token, config.token, [configuredKeys(keys.token)], NOW);
    return 'admitted';
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    return cause.code;
  }
}

const signed = (secret: string, kid?: string, alg = 'HS256') =>
  signToken({}, secret, kid === undefined ? { alg } : { alg, kid });

describe('several secrets', () => {
  it('without kid are tried in turn, whatever kid a token has', async () => {
    const secrets = [{ secret: A }, { secret: B }];
    for (const secret of [A, B]) {
      expect(await judge(await signed(secret), secrets)).toBe('admitted');
      expect(await judge(await signed(secret, 'any'), secrets)).toBe('admitted');
    }
    expect(await judge(await signed(C), secrets)).toBe('bad_signature');
  });

  it('serve beside the one that stands alone', async () => {
    const beside = { secret: TOKEN_SECRET };
    expect(await judge(await signed(TOKEN_SECRET), [{ secret: A }], beside)).toBe('admitted');
    expect(await judge(await signed(A), [{ secret: A }], beside)).toBe('admitted');
    expect(await judge(await signed(B), [{ secret: A }], beside)).toBe('bad_signature');
  });

  it('with a kid serve tokens with that kid alone: one that names nothing, or is not there, is refused', async () => {
    const secrets = [
      { secret: A, kid: 'a' },
      { secret: B, kid: 'b' },
    ];
    expect(await judge(await signed(A, 'a'), secrets)).toBe('admitted');
    expect(await judge(await signed(B, 'b'), secrets)).toBe('admitted');
    expect(await judge(await signed(A, 'b'), secrets)).toBe('bad_signature');
    for (const kid of ['c', '', 'A', '__proto__', 'constructor', undefined]) {
      expect([kid, await judge(await signed(A, kid), secrets)]).toEqual([kid, 'unknown_key']);
    }
  });

  it('may have one kid: an issuer that keeps its name', async () => {
    const secrets = [
      { secret: A, kid: 'a' },
      { secret: B, kid: 'a' },
    ];
    for (const secret of [A, B]) expect(await judge(await signed(secret, 'a'), secrets)).toBe('admitted');
  });

  it('may be oct JWKs, which serve their algorithm alone', async () => {
    const secrets = [{ secret: oct(A, { kid: 'a', alg: 'HS256' }) }, { secret: oct(B, { alg: 'HS512' }) }];
    const changes = { secret: null, algorithms: ['HS256', 'HS512'] };
    expect(await judge(await signed(A, 'a'), secrets, changes)).toBe('admitted');
    expect(await judge(await signed(A), secrets, changes)).toBe('unknown_key');
    expect(await judge(await signed(B, undefined, 'HS512'), secrets, changes)).toBe('admitted');
    expect(await judge(await signed(B), secrets, changes)).toBe('unknown_key');
    // The JWK's text is no secret itself.
    const text = await signed(secrets[1]?.secret ?? '', undefined, 'HS512');
    expect(await judge(text, secrets, changes)).toBe('bad_signature');
  });

  it('admit a token if and only if a naive look at each of them does', async () => {
    const letter = fc.constantFrom('a', 'b', 'c');
    const kid = fc.option(fc.constantFrom('1', '2'), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ letter, kid }), { minLength: 1, maxLength: 8 }),
        fc.record({ letter, kid }),
        async (configured, token) => {
          const fits = configured.some(
            (one) => one.letter === token.letter && (one.kid === undefined || one.kid === token.kid),
          );
          const secrets = configured.map((one) => ({ secret: one.letter.repeat(40), kid: one.kid ?? null }));
          const outcome = await judge(await signed(token.letter.repeat(40), token.kid), secrets);
          expect(outcome === 'admitted').toBe(fits);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    [
      'a short one',
      [{ secret: 'short' }],
      'config.secrets[0].secret: expected a secret of at least 32 bytes, got 5',
    ],
    [
      'a short JWK',
      [{ secret: A }, { secret: oct('short') }],
      'config.secrets[1].secret: expected a secret of at least',
    ],
    ['a damaged JWK', [{ secret: '{"kty":"oct"' }], 'config.secrets[0].secret: expected text or an oct JWK'],
    ['too many', Array.from({ length: 9 }, () => ({ secret: A })), 'config.secrets: '],
    [
      'one of another algorithm',
      [{ secret: oct(A, { alg: 'HS384' }) }],
      'HS256 is allowed, but no key fits it',
    ],
    [
      'the one that signs assertions',
      [{ secret: oct(ASSERTION_SECRET) }],
      'config.assertion_secret: expected another secret than config.secrets[0].secret',
    ],
  ])('refuse %s', async (_, secrets, reason) => {
    await expect(parseConfig(rawConfig({ secret: null, secrets }))).rejects.toThrow(reason);
  });
});
