import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeProtectedHeader, SignJWT } from 'jose';
import type { Access } from '../../protocol/access';
import {
  AssertionError,
  signAssertion,
  verifyAssertion,
  type AssertedCaller,
} from '../../protocol/assertion';
import { importSecret, parsePrivateKey, parsePublicKey, type FittedKey } from '../../protocol/keys';

const NOW = 1_800_000_000;
const SECRET = 'an assertion secret of thirty-two bytes or more';
const caller: AssertedCaller = {
  identity: { tenantId: 'acme', userId: 'u1', roles: ['analyst', 'admin'] },
  requestId: 'req-1',
  tokenJti: 'token-1',
  tokenExp: NOW + 900,
  path: '/ws/notifications',
};
const claims = {
  iss: 'ws-gatekeeper',
  aud: 'ws-bridge',
  sub: 'u1',
  tenant_id: 'acme',
  roles: [],
  token_exp: NOW + 900,
  rid: 'r',
  jti: 'j',
  iat: NOW,
  exp: NOW + 30,
};

let key: FittedKey;
let otherKey: FittedKey;
beforeAll(async () => {
  key = await importSecret(SECRET, 'HS256');
  otherKey = await importSecret('another secret of thirty-two bytes or more!', 'HS256');
});

const sign = (payload: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  new SignJWT(payload)
    .setProtectedHeader({ alg: 'HS256', typ: 'gateway-assertion+jwt', ...header })
    .sign(key.key);

const LONG_SECRET = 'x'.repeat(64);
const notAccepted = (claim: string): string => `the assertion's "${claim}" is not accepted`;
const malformed = (names: string): string => `expected well-typed claims ${names} in the assertion`;

describe('an assertion', () => {
  it('tells the bridge what the gatekeeper knew', async () => {
    const jws = await signAssertion(caller, key, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [key], NOW)).resolves.toEqual({
      ...caller,
      jti: 'jti-1',
      iat: NOW,
      exp: NOW + 30,
    });
  });

  it.each(['read', 'write'] as const)('says the access that rules decided: %s', async (access) => {
    const jws = await signAssertion({ ...caller, access }, key, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [key], NOW)).resolves.toMatchObject({ access });
  });

  it('of a reader has a type of its own, which a bridge that knows no readers refuses', async () => {
    const typOf = async (access: Access | undefined) =>
      decodeProtectedHeader(await signAssertion({ ...caller, access }, key, NOW, 'j')).typ;
    expect(await typOf(undefined)).toBe('gateway-assertion+jwt');
    expect(await typOf('write')).toBe('gateway-assertion+jwt');
    expect(await typOf('read')).toBe('gateway-reader-assertion+jwt');
  });

  it.each([
    ['gateway-assertion+jwt', 'read'],
    ['gateway-reader-assertion+jwt', 'write'],
    ['gateway-reader-assertion+jwt', undefined],
    ['gateway-assertion+jwt', 'admin'],
    ['gateway-assertion+jwt', ''],
    ['gateway-assertion+jwt', null],
    ['gateway-assertion+jwt', true],
    ['gateway-assertion+jwt', ['read']],
    ['gateway-reader-assertion+jwt', 'READ'],
    ['gateway-reader-assertion+jwt', ['read']],
  ])('of type %s is refused with the access %j', async (typ, access) => {
    const jws = await sign({ ...claims, access }, { typ });
    await expect(verifyAssertion(jws, [key], NOW)).rejects.toThrow(AssertionError);
  });

  it('with a shared secret is byte for byte what jose signs, with a key id and without', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.array(text), fc.option(text), async (userId, rid, roles, kid) => {
        const ours = await importSecret(SECRET, 'HS256', kid ?? undefined);
        const { secret, ...joses } = ours;
        expect(secret?.type).toBe('secret');
        const who = { ...caller, requestId: rid, identity: { tenantId: 'acme', userId, roles } };
        expect(await signAssertion(who, ours, NOW, 'j')).toBe(await signAssertion(who, joses, NOW, 'j'));
      }),
    );
  });

  it.each([
    ['ES256', 'ec', { namedCurve: 'P-256' }],
    ['EdDSA', 'ed25519', {}],
    ['RS256', 'rsa', { modulusLength: 2048 }],
  ])('is verified with a public key alone (%s)', async (alg, type, options) => {
    const pair = generateKeyPairSync(type as 'rsa', options as { modulusLength: number });
    const signing = parsePrivateKey(
      pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      'k1',
    );
    const verifying = parsePublicKey(JSON.stringify(pair.publicKey.export({ format: 'jwk' })), 'k1');
    const jws = await signAssertion(caller, signing, NOW, 'jti-1');
    expect(decodeProtectedHeader(jws)).toEqual({ alg, kid: 'k1', typ: 'gateway-assertion+jwt' });
    await expect(verifyAssertion(jws, [verifying], NOW)).resolves.toMatchObject(caller);
  });

  it('is verified with any of several keys while one is rotated', async () => {
    const jws = await signAssertion(caller, key, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [otherKey, key], NOW)).resolves.toMatchObject(caller);
  });

  it('is refused when its kid is another than the key has', async () => {
    const named: FittedKey = { ...key, kid: 'new' };
    const jws = await signAssertion(caller, { ...key, kid: 'old' }, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [named], NOW)).rejects.toThrow(AssertionError);
  });

  it.each([
    ['ends after 30 seconds and the tolerance of 5', NOW + 36],
    ['comes from the future', NOW - 6],
  ])('is refused when it %s', async (_, at) => {
    const jws = await signAssertion(caller, key, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [key], at)).rejects.toThrow(AssertionError);
  });

  it.each([
    ['in the last second of the tolerance after its end', NOW + 34],
    ['in its last second', NOW + 29],
    ['5 seconds before it was signed', NOW - 5],
  ])('counts %s', async (_, at) => {
    const jws = await signAssertion(caller, key, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [key], at)).resolves.toMatchObject(caller);
  });

  it('is refused 5 seconds after its end', async () => {
    const jws = await signAssertion(caller, key, NOW, 'jti-1');
    await expect(verifyAssertion(jws, [key], NOW + 35)).rejects.toThrow('the assertion has expired');
  });

  it.each([
    ['with a kid, by a key without one', 'new', undefined],
    ['without a kid, by a key with one', undefined, 'new'],
  ])('is verified %s', async (_, kid, keyKid) => {
    const jws = await sign(claims, kid === undefined ? {} : { kid });
    const named = { ...key, kid: keyKid };
    await expect(verifyAssertion(jws, [named], NOW)).resolves.toMatchObject({ requestId: 'r' });
  });

  it.each([
    ['another issuer', { iss: 'someone' }, notAccepted('iss')],
    ['another audience', { aud: 'elsewhere' }, notAccepted('aud')],
    ['a moment before which it does not count', { nbf: NOW - 60 }, notAccepted('nbf')],
    ['an access that is none', { access: 'admin' }, malformed('access')],
    ['no tenant', { tenant_id: undefined }, malformed('sub, tenant_id')],
    ['a tenant that is no string', { tenant_id: 7 }, malformed('sub, tenant_id')],
    ['a user that is no string', { sub: 7 }, malformed('sub, tenant_id')],
    ['roles that are no list', { roles: 'admin' }, malformed('roles')],
    ['a role that is no string', { roles: ['admin', 1] }, malformed('roles')],
    ['no jti', { jti: undefined }, malformed('jti')],
    ['no exp', { exp: undefined }, malformed('exp')],
    ['no iat', { iat: undefined }, malformed('iat, exp')],
    ['an iat that no clock can hold', { iat: -1e306 }, malformed('iat, exp')],
    ["an end of the user's token that no clock can hold", { token_exp: 1e306 }, malformed('token_exp')],
    ['an id of the token that is no string', { token_jti: 7 }, malformed('token_jti')],
    ['a request id that the gatekeeper takes over from nobody', { rid: 'a b' }, malformed('rid')],
    ['no request id', { rid: undefined }, malformed('rid')],
    ['a request id that is no string', { rid: 7 }, malformed('rid')],
    ['a path that is no text', { path: 7 }, malformed('path')],
    ['a path that does not begin with a slash', { path: 'ws/notifications' }, malformed('path')],
    ['an empty path', { path: '' }, malformed('path')],
    ['a longer life than 30 seconds', { exp: NOW + 31 }, 'the assertion lives too long'],
    ['a later beginning', { iat: NOW + 6, exp: NOW + 7 }, 'the assertion is from the future'],
    ['a user with a line break', { sub: 'u1\r\nX: y' }, "the assertion's user contains a control character"],
  ])('is refused with %s, and says so', async (_, change, message) => {
    const verified = verifyAssertion(await sign({ ...claims, ...change }), [key], NOW);
    const expected = { name: 'AssertionError', code: 'ERR_ASSERTION_INVALID', message };
    await expect(verified).rejects.toMatchObject(expected);
  });

  it('says what is wrong with it before its claims are looked at', async () => {
    const good = await sign(claims);
    const refusal = (jws: string, keys: readonly FittedKey[]) =>
      verifyAssertion(jws, keys, NOW).then(
        () => undefined,
        (error: unknown) => (error as Error).message,
      );
    expect(await refusal('a.b', [key])).toBe('the assertion is malformed');
    expect(await refusal(good, [otherKey])).toBe("the assertion's signature does not verify");
    expect(await refusal(good, [])).toBe('no key fits the assertion');
    const hs512 = await signAssertion(caller, await importSecret(LONG_SECRET, 'HS512'), NOW, 'j');
    expect(await refusal(hs512, [key])).toBe("the assertion's algorithm does not fit the key");
    expect(await refusal(await sign(claims, { typ: 'JWT' }), [key])).toBe(notAccepted('typ'));
  });

  it('may be signed with a secret of another hash', async () => {
    const long = await importSecret(LONG_SECRET, 'HS512');
    const jws = await signAssertion(caller, long, NOW, 'jti-1');
    expect(decodeProtectedHeader(jws).alg).toBe('HS512');
    await expect(verifyAssertion(jws, [long], NOW)).resolves.toMatchObject(caller);
  });

  it('is not signed with a key that fits no algorithm', async () => {
    const signed = signAssertion(caller, { ...key, algorithms: [] }, NOW, 'j');
    await expect(signed).rejects.toThrow('a signing key fits at least one algorithm');
  });

  it('without a path, as a gatekeeper of the minor version before signs it, says so', async () => {
    const { path } = await verifyAssertion(await sign(claims), [key], NOW);
    expect(path).toBeUndefined();
  });

  it('with a claim that is not known here, as a gatekeeper of the next minor version may sign it, counts', async () => {
    const jws = await sign({ ...claims, path: '/ws/notifications', hint: 'of later' });
    await expect(verifyAssertion(jws, [key], NOW)).resolves.toMatchObject({ path: '/ws/notifications' });
  });

  it("is not mistaken for a user's token, nor a user's token for it", async () => {
    await expect(verifyAssertion(await sign(claims, { typ: 'JWT' }), [key], NOW)).rejects.toThrow(
      AssertionError,
    );
  });

  it('is refused when one character of it was changed', async () => {
    const jws = await signAssertion(caller, key, NOW, 'jti-1');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.';
    await fc.assert(
      fc.asyncProperty(fc.nat(jws.length - 1), fc.nat(alphabet.length - 1), async (at, index) => {
        const char = alphabet.charAt(index);
        fc.pre(jws[at] !== char);
        const changed = jws.slice(0, at) + char + jws.slice(at + 1);
        // The last character of 32 bytes in base64url carries two bits that decode to nothing.
        fc.pre(!sameBytes(changed, jws));
        await expect(verifyAssertion(changed, [key], NOW)).rejects.toThrow(AssertionError);
      }),
    );
  });
});

const sameBytes = (a: string, b: string): boolean =>
  a.split('.').length === b.split('.').length &&
  a
    .split('.')
    .every((part, i) =>
      Buffer.from(part, 'base64url').equals(Buffer.from(b.split('.')[i] ?? '', 'base64url')),
    );
