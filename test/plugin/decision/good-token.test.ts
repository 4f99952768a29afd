import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import type { Admit } from '../../../plugin/decision/verdict';
import { verifyAssertion } from '../../../protocol/assertion';
import { importSecret, type FittedKey } from '../../../protocol/keys';
import { ASSERTION_SECRET, goodClaims, NOW, signToken } from '../fixture';
import { expectRefused, verdictFor } from './deciding';

let assertionKey: FittedKey;
beforeAll(async () => {
  assertionKey = await importSecret(ASSERTION_SECRET, 'HS256');
});

describe('a good token', () => {
  it('is admitted with its tenant, user, roles and a signed assertion, and the token goes no further', async () => {
    const verdict = (await verdictFor({ token: await signToken() })) as Admit;
    expect(verdict).toMatchObject({ outcome: 'admitted', clearHeaders: ['authorization'] });
    expect(verdict.upstreamHeaders).toEqual({
      'X-Tenant-ID': 'acme',
      'X-User-ID': 'u1',
      'X-User-Roles': 'analyst,admin',
      'X-Request-ID': 'id-1',
      'X-Gateway-Assertion': expect.any(String),
    });
    const assertion = await verifyAssertion(
      verdict.upstreamHeaders['X-Gateway-Assertion'] ?? '',
      [assertionKey],
      NOW,
    );
    expect(assertion).toMatchObject({
      identity: { tenantId: 'acme', userId: 'u1', roles: ['analyst', 'admin'] },
      requestId: 'id-1',
      tokenJti: 'token-1',
      tokenExp: NOW + 900,
      jti: 'id-2',
    });
  });

  it('may have a number for its tenant and no roles', async () => {
    const verdict = (await verdictFor({
      token: await signToken({ tenant_id: 42, roles: undefined }),
    })) as Admit;
    expect(verdict.upstreamHeaders).toMatchObject({ 'X-Tenant-ID': '42', 'X-User-Roles': '' });
  });

  it('may carry its claims under other and nested names', async () => {
    const config = {
      tenant_claim: ['https://example.com/org', 'id'],
      user_claim: ['preferred_username'],
      roles_claim: ['realm_access', 'roles'],
      token_type_claim: ['typ'],
      token_types: ['Bearer'],
    };
    const token = await signToken({
      'https://example.com/org': { id: 'o1' },
      preferred_username: 'ada',
      realm_access: { roles: ['r1'] },
      typ: 'Bearer',
    });
    const verdict = (await verdictFor({ token, config })) as Admit;
    expect(verdict.upstreamHeaders).toMatchObject({
      'X-Tenant-ID': 'o1',
      'X-User-ID': 'ada',
      'X-User-Roles': 'r1',
    });
  });

  it('keeps a well-formed request id of the client and replaces any other', async () => {
    const token = await signToken();
    const given = (id: string) => verdictFor({ token, headers: { 'x-request-id': [id] } });
    expect((await given('abc-123')).requestId).toBe('abc-123');
    for (const id of ['', 'a b', 'a\r\nb', 'a,b', 'a"b', "a'b", 'a<b', 'a;b', 'a\\b', 'é', 'x'.repeat(129)])
      expect((await given(id)).requestId).toBe('id-1');
  });

  it.each([
    ['uuid#counter', '8a7f3a1e-2f5b-4f0e-9d7e-0c1f5a2b3c4d#12'],
    ['uuid', '8a7f3a1e-2f5b-4f0e-9d7e-0c1f5a2b3c4d'],
    ['tracker', '10.0.0.7-8000-4711-5-1-1764131000.123'],
    ['tracker over IPv6', '::1-8000-4711-5-1-1764131000.123'],
  ])("keeps the id of Kong's correlation-id plugin (%s), also in the assertion", async (_, id) => {
    const verdict = await verdictFor({ token: await signToken(), headers: { 'x-request-id': [id] } });
    if (verdict.outcome !== 'admitted') throw new Error(verdict.outcome);
    expect(verdict.requestId).toBe(id);
    expect(verdict.upstreamHeaders['X-Request-ID']).toBe(id);
    const key = await importSecret(ASSERTION_SECRET, 'HS256');
    const assertion = verdict.upstreamHeaders['X-Gateway-Assertion'] ?? '';
    await expect(verifyAssertion(assertion, [key], NOW)).resolves.toMatchObject({ requestId: id });
  });

  it('says in the response how much of the limit is left', async () => {
    const verdict = await verdictFor({ token: await signToken() });
    expect(verdict.responseHeaders).toMatchObject({ 'RateLimit-Limit': '60', 'X-RateLimit-Remaining': '10' });
  });

  it.each(['Bearer', 'bearer', 'BEARER'])('may stand behind %s', async (scheme) => {
    const headers = { authorization: [`${scheme} ${await signToken()}`] };
    expect((await verdictFor({ headers })).outcome).toBe('admitted');
  });

  it.each([
    ['RS256', 'rsa', { modulusLength: 2048 }],
    ['ES256', 'ec', { namedCurve: 'P-256' }],
    ['EdDSA', 'ed25519', {}],
  ])('may be signed with %s, its key in PEM or as a JWK', async (alg, type, options) => {
    const { privateKey, publicKey } = generateKeyPairSync(
      type as 'rsa',
      options as { modulusLength: number },
    );
    const token = await new SignJWT(goodClaims).setProtectedHeader({ alg, kid: 'k1' }).sign(privateKey);
    const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const jwk = JSON.stringify(publicKey.export({ format: 'jwk' }));
    for (const key of [spki, jwk]) {
      const config = { secret: null, algorithms: [alg], public_keys: [{ kid: 'k1', key }] };
      expect((await verdictFor({ token, config })).outcome).toBe('admitted');
    }
  });

  it('may end as late as a 64-bit clock can tell', async () => {
    const token = await signToken({ exp: 2 ** 63 });
    expect((await verdictFor({ token })).outcome).toBe('admitted');
  });

  it('is accepted within the tolerance of the clocks, at both ends', async () => {
    const token = await signToken({ nbf: NOW });
    expect((await verdictFor({ token, at: NOW - 5 })).outcome).toBe('admitted');
    expect((await verdictFor({ token, at: NOW + 904 })).outcome).toBe('admitted');
    expectRefused(await verdictFor({ token, at: NOW - 6 }), 401, 'not_yet_valid');
    expectRefused(await verdictFor({ token, at: NOW + 905 }), 401, 'expired');
  });
});
