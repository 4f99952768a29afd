import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeJwt } from 'jose';
import type { Admit, Reject } from '../../../plugin/decision/verdict';
import { goodClaims, NOW, signToken, TOKEN_SECRET } from '../fixture';
import { expectRefused, verdictFor } from './deciding';

describe('an upgrade is refused', () => {
  it.each([
    ['no token', {}, 401, 'no_token'],
    ['another scheme', { authorization: ['Basic dTpw'] }, 401, 'no_token'],
    ['an empty bearer', { authorization: ['Bearer '] }, 401, 'malformed_token'],
    ['something else than a JWT', { authorization: ['Bearer abc'] }, 401, 'malformed_token'],
    ['two parts', { authorization: ['Bearer e30.e30'] }, 401, 'malformed_token'],
    ['a header that is not JSON', { authorization: ['Bearer abc.e30.AAAA'] }, 401, 'malformed_token'],
    ['five parts (JWE)', { authorization: ['Bearer e30.e30.e30.e30.e30'] }, 401, 'malformed_token'],
    ['a long token', { authorization: [`Bearer ${'a'.repeat(9000)}.e30.e30`] }, 401, 'malformed_token'],
    ['two different tokens', { authorization: ['Bearer a.b.c', 'Bearer d.e.f'] }, 401, 'several_tokens'],
    ['two tokens in one header', { authorization: ['Bearer a.b.c, Bearer d.e.f'] }, 401, 'malformed_token'],
  ])('with %s', async (_, headers, status, outcome) => {
    expectRefused(await verdictFor({ headers }), status, outcome);
  });

  it.each([
    ['another issuer', { iss: 'someone' }, 401, 'wrong_issuer'],
    ['no issuer', { iss: undefined }, 401, 'wrong_issuer'],
    ['another audience', { aud: 'other-api' }, 401, 'wrong_audience'],
    ['a refresh token', { type: 'refresh' }, 401, 'wrong_type'],
    ['no type', { type: undefined }, 401, 'wrong_type'],
    ['no exp', { exp: undefined }, 401, 'bad_claim'],
    ['exp as a string', { exp: '1800000900' }, 401, 'bad_claim'],
    ['an expired token', { exp: NOW - 5 }, 401, 'expired'],
    ['a future nbf', { nbf: NOW + 60 }, 401, 'not_yet_valid'],
    ['a future iat', { iat: NOW + 60 }, 401, 'not_yet_valid'],
    ['no tenant', { tenant_id: undefined }, 403, 'no_tenant'],
    ['a null tenant', { tenant_id: null }, 403, 'no_tenant'],
    ['an empty tenant', { tenant_id: '' }, 403, 'no_tenant'],
    ['an object as tenant', { tenant_id: { id: 'acme' } }, 403, 'no_tenant'],
    ['a tenant with a line break', { tenant_id: 'a\r\nX-User-ID: root' }, 401, 'bad_claim'],
    ['no user', { sub: undefined }, 401, 'bad_claim'],
    ['a role with a comma', { roles: ['viewer,admin'] }, 401, 'bad_claim'],
    ['roles as a string', { roles: 'admin' }, 401, 'bad_claim'],
    ['a jti that is no string', { jti: 7 }, 401, 'bad_claim'],
  ])('with %s in the token', async (_, claims, status, outcome) => {
    expectRefused(await verdictFor({ token: await signToken(claims) }), status, outcome);
  });

  it('with a wrong signature, a wrong key or an algorithm that is not allowed', async () => {
    expectRefused(
      await verdictFor({ token: await signToken({}, 'another secret of thirty-two bytes!!') }),
      401,
      'bad_signature',
    );
    expectRefused(
      await verdictFor({ token: await signToken({}, TOKEN_SECRET, { alg: 'HS512' }) }),
      401,
      'algorithm_not_allowed',
    );
    const [, payload] = (await signToken()).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload ?? ''}.`;
    expectRefused(await verdictFor({ token: none }), 401, 'algorithm_not_allowed');
  });

  it('when an RSA public key was used as an HMAC secret', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const token = await signToken({}, key);
    const config = { secret: null, algorithms: ['RS256'], public_keys: [{ kid: null, key }] };
    expectRefused(await verdictFor({ token, config }), 401, 'algorithm_not_allowed');
    const both = { algorithms: ['HS256', 'RS256'], public_keys: [{ kid: null, key }] };
    expectRefused(await verdictFor({ token, config: both }), 401, 'bad_signature');
  });

  it('with a token that lives longer than allowed, or lacks a required claim', async () => {
    const token = await signToken({ jti: '' });
    expectRefused(await verdictFor({ token, config: { maximum_expiration: 600 } }), 401, 'bad_claim');
    expect((await verdictFor({ token, config: { maximum_expiration: 900 } })).outcome).toBe('admitted');
    expectRefused(await verdictFor({ token, config: { required_claims: ['jti'] } }), 401, 'bad_claim');
  });

  it('with a challenge that names an error only where a token was presented (RFC 6750 §3)', async () => {
    expect((await verdictFor({})).responseHeaders['WWW-Authenticate']).toBe('Bearer realm="ws-gatekeeper"');
    const verdict = await verdictFor({ token: await signToken({ iss: 'x' }), config: { realm: 'a"b' } });
    expect(verdict.responseHeaders['WWW-Authenticate']).toBe('Bearer realm="a\\"b", error="invalid_token"');
  });

  it('without quoting any part of the token', async () => {
    const token = await signToken({ iss: 'secret-issuer-name' });
    const { message, responseHeaders } = (await verdictFor({ token })) as Reject;
    const said = message + JSON.stringify(responseHeaders);
    for (const part of ['secret-issuer-name', ...token.split('.')]) expect(said).not.toContain(part);
  });

  it('whatever bytes stand in for the token', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (garbage) => {
        const verdict = await verdictFor({ headers: { authorization: [`Bearer ${garbage}`] } });
        expect(verdict).toMatchObject({ status: 401 });
      }),
    );
  });

  it('when anything in its payload was changed after signing', async () => {
    const [header, , signature] = (await signToken()).split('.');
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom('tenant_id', 'sub', 'exp', 'x'), fc.jsonValue()),
        async (change) => {
          const changed = { ...goodClaims, ...change };
          fc.pre(JSON.stringify(changed) !== JSON.stringify(goodClaims));
          const payload = Buffer.from(JSON.stringify(changed)).toString('base64url');
          const token = `${header ?? ''}.${payload}.${signature ?? ''}`;
          expectRefused(await verdictFor({ token }), 401, 'bad_signature');
        },
      ),
    );
  });
});

it("an assertion is not accepted as a user's token", async () => {
  const verdict = (await verdictFor({ token: await signToken() })) as Admit;
  const assertion = verdict.upstreamHeaders['X-Gateway-Assertion'] ?? '';
  expect(decodeJwt(assertion).sub).toBe('u1');
  expect((await verdictFor({ token: assertion })).outcome).toBe('bad_signature');
});
