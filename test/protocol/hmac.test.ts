import crypto, { createSecretKey } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { hasHmac, hmacOf } from '../../protocol/hmac';

// RFC 7515, appendix A.1.
const RFC_SECRET = createSecretKey(
  Buffer.from(
    'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    'base64url',
  ),
);
const RFC_INPUT =
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.' +
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
const RFC_HMAC = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';

const jws = (hmac: string): string => `${RFC_INPUT}.${hmac}`;

afterEach(() => {
  jest.restoreAllMocks();
});

describe('the HMAC of a JWS', () => {
  it("is the RFC's", () => {
    expect(hmacOf(RFC_INPUT, 'HS256', RFC_SECRET)).toBe(RFC_HMAC);
    expect(hasHmac(jws(RFC_HMAC), 'HS256', RFC_SECRET)).toBe(true);
  });

  it.each(['HS256', 'HS384', 'HS512'] as const)(
    'is made and found with %s, and with no other hash',
    (alg) => {
      const found = ['HS256', 'HS384', 'HS512'].filter((each) =>
        hasHmac(jws(hmacOf(RFC_INPUT, alg, RFC_SECRET)), each, RFC_SECRET),
      );
      expect(found).toEqual([alg]);
    },
  );

  it.each([
    ['of another secret', jws(hmacOf(RFC_INPUT, 'HS256', createSecretKey(Buffer.from('another'))))],
    ['of something else', `x${jws(RFC_HMAC)}`],
    // Its last character has two bits that nothing is made of.
    ['in another spelling', jws(`${RFC_HMAC.slice(0, -1)}l`)],
    ['with padding', jws(`${RFC_HMAC}=`)],
    ['with a character more', jws(`${RFC_HMAC}A`)],
    ['with a character less', jws(RFC_HMAC.slice(0, -1))],
    // As many characters, but more bytes.
    ['with a character that is not of base64url', jws(`${RFC_HMAC.slice(0, -1)}é`)],
    ['that is left out', jws('')],
  ])('is not one %s', (_, text) => {
    expect(hasHmac(text, 'HS256', RFC_SECRET)).toBe(false);
  });

  it.each(['none', 'RS256', '', 'toString', '__proto__'])('is none with the algorithm "%s"', (alg) => {
    expect(hasHmac(jws(RFC_HMAC), alg, RFC_SECRET)).toBe(false);
  });

  it('is compared in a time that does not depend on where it differs', () => {
    const compared = jest.spyOn(crypto, 'timingSafeEqual');
    const wrong = [`A${RFC_HMAC.slice(1)}`, `${RFC_HMAC.slice(0, -1)}A`];
    for (const hmac of [...wrong, RFC_HMAC]) hasHmac(jws(hmac), 'HS256', RFC_SECRET);
    expect(compared.mock.calls.map(([given]) => Buffer.from(given as Buffer).toString())).toEqual([
      ...wrong,
      RFC_HMAC,
    ]);
  });
});
