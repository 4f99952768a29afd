import { lookedAtHeaders, type RoutedUpgrade } from '../../../plugin/request/request';
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeJwt, SignJWT } from 'jose';
import { parseConfig } from '../../../plugin/config/parse';
import { decide, type DecisionContext } from '../../../plugin/decision/decide';
import type { Admit, Reject } from '../../../plugin/decision/verdict';
import type { HeaderSelection } from '../../../plugin/request/header-selection';
import type { FindConsumer } from '../../../plugin/consumer/consumer';
import { configuredKeys } from '../../../plugin/keys/key-source';
import {
  StoreUnreachableError,
  type LimitState,
  type Store,
  type StoreAnswer,
  type StoreQuery,
} from '../../../plugin/store/store';
import { sparingStore } from '../../../plugin/store/sparing-store';
import { RefusedUpgrades } from '../../../plugin/decision/refused-upgrades';
import { MemoryLimits } from '../../../plugin/store/memory-limits';
import { unremembered } from '../../../plugin/token/cache';
import { verifyToken } from '../../../plugin/token/verify';
import { verifyAssertion } from '../../../protocol/assertion';
import { importSecret, type FittedKey } from '../../../protocol/keys';
import {
  ASSERTION_SECRET,
  goodClaims,
  NOW,
  rawConfig,
  signToken,
  TOKEN_SECRET,
  upgradeHeaders,
} from '../fixture';

const state = (changes: Partial<LimitState> = {}): LimitState => ({
  limit: 60,
  remaining: 10,
  retryAfterUs: 0,
  resetUs: 1_000_000,
  ...changes,
});
const free: StoreAnswer = { admitted: true, states: [state()], revoked: false };

/** A store that always says the same, and remembers what it was asked. */
function storeSaying(answer: StoreAnswer | Error): Store & { readonly asked: StoreQuery[] } {
  const asked: StoreQuery[] = [];
  return {
    asked,
    ask(query) {
      asked.push(query);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
}

/** The question to the store about this token. */
async function askedFor(token: string): Promise<StoreQuery | undefined> {
  const store = storeSaying(free);
  await verdictFor({ token, store });
  return store.asked[0];
}

interface Given {
  readonly token?: string | undefined;
  readonly headers?: Record<string, string[]>;
  readonly config?: Record<string, unknown>;
  readonly request?: Partial<RoutedUpgrade>;
  readonly store?: Store;
  readonly fallbackStore?: Store;
  readonly at?: number;
  readonly refused?: RefusedUpgrades;
  readonly messages?: MemoryLimits;
  readonly random?: number;
  readonly findConsumer?: FindConsumer;
}

async function verdictFor(given: Given): Promise<Admit | Reject> {
  const { config, keys } = await parseConfig(rawConfig(given.config));
  let ids = 0;
  const context: DecisionContext = {
    verifier: unremembered({
      verify: (token, now) => verifyToken(token, config.token, [configuredKeys(keys.token)], now),
    }),
    refused: given.refused ?? new RefusedUpgrades(() => 0),
    messages: given.messages ?? new MemoryLimits(() => 0, 10),
    assertionKey: keys.assertion,
    store: given.store ?? storeSaying(free),
    fallbackStore: given.fallbackStore ?? storeSaying(new Error('must not be asked')),
    newId: () => `id-${(ids += 1)}`,
    random: () => given.random ?? 0.5,
  };
  const headers = { ...upgradeHeaders(given.token), ...given.headers };
  const seen = guarded(headers, lookedAtHeaders(config));
  const request = { headers: seen, upstreamPath: '/ws/notifications', ...given.request };
  return decide(request, config, context, given.at ?? NOW, given.findConsumer);
}

/** Headers of which only the selected ones are there: Kong's plugin server gives no others. */
function guarded(headers: Record<string, string[]>, selection: HeaderSelection): Record<string, string[]> {
  return new Proxy(headers, {
    get(target, name) {
      const bytes = Buffer.from(String(name));
      if (selection.find(bytes, 0, bytes.length) === undefined) {
        throw new Error(`${String(name)} is looked at, but not among lookedAtHeaders`);
      }
      return target[String(name)];
    },
  });
}

const expectRefused = (verdict: Admit | Reject, status: number, outcome: string): void => {
  expect(verdict).toMatchObject({ outcome, status });
};

let assertionKey: FittedKey;
beforeAll(async () => {
  assertionKey = await importSecret(ASSERTION_SECRET, 'HS256');
});

describe('a request for an event stream', () => {
  const streamed = (token?: string, given: Given = {}) =>
    verdictFor({
      ...given,
      request: { method: 'GET', ...given.request },
      headers: {
        upgrade: [],
        accept: ['text/event-stream'],
        ...(token !== undefined && { authorization: [`Bearer ${token}`] }),
        ...given.headers,
      },
    });

  it('is admitted as an upgrade is, and charged to the same limits', async () => {
    const [store, ofUpgrade] = [storeSaying(free), storeSaying(free)];
    const token = await signToken();
    const verdict = (await streamed(token, { store })) as Admit;
    const secretHeader = 'x-gateway-assertion';
    expect(verdict).toMatchObject({ outcome: 'admitted', clearHeaders: ['authorization'], secretHeader });
    await verdictFor({ token, store: ofUpgrade });
    expect(store.asked).toEqual(ofUpgrade.asked);
    expect(store.asked).toMatchObject([{ isDryRun: false }]);
    const { path } = await verifyAssertion(
      verdict.upstreamHeaders['X-Gateway-Assertion'] ?? '',
      [assertionKey],
      NOW,
    );
    expect(path).toBe('/ws/notifications');
  });

  it('is refused as an upgrade is', async () => {
    expectRefused(await streamed(), 401, 'no_token');
    expectRefused(await streamed(await signToken({ exp: NOW - 5 })), 401, 'expired');
    const full = storeSaying({ ...free, admitted: false, states: [state({ retryAfterUs: 7_000_000 })] });
    const verdict = (await streamed(await signToken(), { store: full })) as Reject;
    expectRefused(verdict, 429, 'rate_limited');
    expect(verdict.responseHeaders).toMatchObject({ 'Retry-After': '7' });
    expectRefused(
      await streamed(await signToken(), { store: storeSaying({ ...free, revoked: true }) }),
      401,
      'revoked',
    );
    const config = { allowed_origins: ['https://app.example'], allow_absent_origin: false };
    const headers = { origin: ['https://evil.example'] };
    expectRefused(await streamed(await signToken(), { config, headers }), 403, 'origin_not_allowed');
  });

  it('brings its token at any place that an upgrade may', async () => {
    const token = await signToken();
    const query = {
      config: { uri_param_names: ['token'] },
      request: { rawQuery: `token=${token}&session=s1` },
    };
    expect(await streamed(undefined, query)).toMatchObject({ outcome: 'admitted', rawQuery: 'session=s1' });
    const cookie = {
      config: {
        cookie_names: ['session'],
        allowed_origins: ['https://app.example'],
        allow_absent_origin: true,
      },
      headers: { cookie: [`session=${token}`], 'sec-fetch-site': ['same-origin'] },
    };
    expect(await streamed(undefined, cookie)).toMatchObject({ outcome: 'admitted' });
    const forged = { ...cookie, headers: { ...cookie.headers, 'sec-fetch-site': ['cross-site'] } };
    expectRefused(await streamed(undefined, forged), 403, 'origin_not_allowed');
  });

  it('gets 426 where http_streaming is off, and its token in a header is looked at as ever', async () => {
    const config = { http_streaming: false };
    const store = storeSaying(free);
    const verdict = await streamed(await signToken(), { config, store });
    expectRefused(verdict, 426, 'not_an_upgrade');
    expect(store.asked).toMatchObject([{ isDryRun: true }]);
    expectRefused(await streamed(undefined, { config }), 426, 'not_an_upgrade');
  });

  it.each(['HEAD', 'PUT', 'OPTIONS'])('is none with the method %s, which charges nothing', async (method) => {
    const store = storeSaying(free);
    const verdict = await streamed(await signToken(), { store, request: { method } });
    expectRefused(verdict, 426, 'not_an_upgrade');
    expect(store.asked).toMatchObject([{ isDryRun: true }]);
  });

  it.each([['*/*'], ['text/*'], ['text/event-stream;q=0'], ['text/html, */*;q=0.1']])(
    'is none with Accept: %s, which charges nothing',
    async (accept) => {
      const store = storeSaying(free);
      const verdict = await streamed(await signToken(), { store, headers: { accept: [accept] } });
      expectRefused(verdict, 426, 'not_an_upgrade');
      expect(store.asked).toMatchObject([{ isDryRun: true }]);
    },
  );
});

describe('a message that is posted', () => {
  const posted = (token?: string, given: Given = {}) =>
    verdictFor({
      ...given,
      request: { method: 'POST', ...given.request },
      headers: {
        upgrade: [],
        'content-type': ['application/json'],
        ...(token !== undefined && { authorization: [`Bearer ${token}`] }),
        ...given.headers,
      },
    });

  it('is admitted as an upgrade is, and charged to no limit of upgrades and no return', async () => {
    const store = storeSaying({ admitted: true, states: [], revoked: false });
    const verdict = (await posted(await signToken(), { store })) as Admit;
    expect(verdict.outcome).toBe('admitted');
    expect(verdict.upstreamHeaders).toHaveProperty('X-Gateway-Assertion');
    expect(store.asked).toMatchObject([{ limits: [], returnKey: undefined, isDryRun: false }]);
    expect(verdict.responseHeaders).toMatchObject({ 'RateLimit-Limit': '600' });
    // Some libraries accept a stream with every request.
    const headers = { accept: ['text/event-stream'] };
    await posted(await signToken(), { store, headers });
    expect(store.asked.at(-1)).toMatchObject({ limits: [] });
    await posted(await signToken(), { store, headers: { ...headers, 'content-type': [] } });
    expect(store.asked.at(-1)).toMatchObject({ limits: [] });
  });

  it('is refused with 429 over the limits of messages of its user and its tenant, before Redis is asked', async () => {
    const messages = new MemoryLimits(() => 0, 10);
    const store = storeSaying({ admitted: true, states: [], revoked: false });
    const config = {
      message_limits: [
        { by: 'user', limit: 2, window_size: 60, burst: 1 },
        { by: 'tenant', limit: 60, window_size: 60, burst: 2 },
      ],
    };
    const given = { messages, store, config };
    const outcomes: string[] = [];
    for (const sub of ['u1', 'u1', 'u1', 'u2', 'u3']) {
      const verdict = await posted(await signToken({ sub }), given);
      outcomes.push(verdict.outcome);
      if (verdict.outcome !== 'rate_limited') continue;
      expect(verdict).toMatchObject({
        status: 429,
        message: 'Too many messages, try again later',
        limit: { by: sub === 'u1' ? 'user' : 'tenant' },
      });
      expect(Number(verdict.responseHeaders['Retry-After'])).toBeGreaterThan(0);
    }
    expect(outcomes).toEqual(['admitted', 'admitted', 'rate_limited', 'admitted', 'rate_limited']);
    expect(store.asked).toHaveLength(3);
    // An upgrade of theirs is another matter.
    expect(await verdictFor({ token: await signToken(), messages, config })).toMatchObject({
      outcome: 'admitted',
    });
  });

  it('is charged to nobody once its token is known as revoked, and its user goes on with another one', async () => {
    const messages = new MemoryLimits(() => 0, 10);
    const revoked = new Set(['blacklist:stolen']);
    const store = sparingStore({
      ask: ({ revocationKey = '' }) =>
        Promise.resolve({ admitted: true, states: [], revoked: revoked.has(revocationKey) }),
    });
    const config = { message_limits: [{ by: 'user', limit: 1, window_size: 60, burst: 1 }] };
    const given = { messages, store, config };
    const stolen = await signToken({ jti: 'stolen' });
    for (let n = 0; n < 5; n += 1) expectRefused(await posted(stolen, given), 401, 'revoked');
    expect(await posted(await signToken(), given)).toMatchObject({ outcome: 'admitted' });
    expectRefused(await posted(await signToken(), given), 429, 'rate_limited');
    // It is charged as any other once it is good again.
    revoked.clear();
    expectRefused(await posted(stolen, given), 429, 'rate_limited');
  });

  it('is refused as an upgrade is', async () => {
    expectRefused(await posted(), 401, 'no_token');
    expectRefused(await posted(await signToken({ exp: NOW - 5 })), 401, 'expired');
    const revoked = storeSaying({ admitted: true, states: [], revoked: true });
    expectRefused(await posted(await signToken(), { store: revoked }), 401, 'revoked');
    const config = { allowed_origins: ['https://app.example'], cookie_names: ['session'] };
    // A browser sends an Origin with every POST.
    const cookie = { cookie: [`session=${await signToken()}`], 'sec-fetch-site': ['same-origin'] };
    expectRefused(await posted(undefined, { config, headers: cookie }), 403, 'origin_not_allowed');
    const headers = { ...cookie, origin: ['https://evil.example'] };
    expectRefused(await posted(undefined, { config, headers }), 403, 'origin_not_allowed');
    const own = { ...cookie, origin: ['https://app.example'] };
    expect(await posted(undefined, { config, headers: own })).toMatchObject({ outcome: 'admitted' });
  });

  it('gets 426 where http_streaming is off, and where it is no POST', async () => {
    const config = { http_streaming: false };
    expectRefused(await posted(await signToken(), { config }), 426, 'not_an_upgrade');
    const request = { method: 'GET' };
    expectRefused(await posted(await signToken(), { request }), 426, 'not_an_upgrade');
  });
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

describe('the consumer of an upgrade', () => {
  const config = { consumer_by: 'tenant', consumer_lookup: true };

  it('is the one that Kong has under the username, with a credential and its headers over the client’s', async () => {
    const asked: string[] = [];
    const findConsumer: FindConsumer = (username) => {
      asked.push(username);
      return Promise.resolve({ id: 'c-1', username });
    };
    const verdict = await verdictFor({ token: await signToken(), config, findConsumer });
    expect(asked).toEqual(['acme']);
    expect(verdict).toMatchObject({
      outcome: 'admitted',
      consumer: { consumer: { id: 'c-1', username: 'acme' }, credential: { consumer_id: 'c-1' } },
      upstreamHeaders: { 'X-Consumer-ID': 'c-1', 'X-Consumer-Username': 'acme' },
      clearHeaders: expect.arrayContaining(['authorization', 'X-Consumer-Custom-ID']) as unknown,
    });
  });

  it('has to be known to Kong where it is looked up', async () => {
    const findConsumer = () => Promise.resolve(undefined);
    const verdict = await verdictFor({ token: await signToken(), config, findConsumer });
    expectRefused(verdict, 403, 'no_consumer');
    expect(verdict).toMatchObject({ message: 'No consumer is known for the token' });
    await expect(verdictFor({ token: await signToken(), config })).rejects.toThrow('expected a Kong');
  });

  it('is derived without a credential, and Kong is not asked, where it is not looked up', async () => {
    const derived = { consumer_by: 'tenant' };
    const verdict = await verdictFor({ token: await signToken(), config: derived });
    expect(verdict).toMatchObject({ consumer: { consumer: { username: 'acme' }, credential: undefined } });
    expect(await verdictFor({ token: await signToken() })).toMatchObject({ consumer: undefined });
  });
});

describe('a limit by address', () => {
  it.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
  ])('counts %s and %s as one client', async (one, other) => {
    const rate = { limit: 5, window_size: 60, burst: 0, paths: [], tiers: {} };
    const store = storeSaying(free);
    for (const ip of [one, other]) {
      const config = { rate_limits: [{ ...rate, by: 'ip' }] };
      await verdictFor({ token: await signToken(), config, store, request: { ip } });
    }
    const [first, second] = store.asked.map(({ limits }) => limits.map(({ key }) => key));
    expect(first).toEqual(second);
    expect(first).toEqual([expect.stringContaining('{ip:')]);
  });
});

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

  it('with 426 when it is no WebSocket upgrade', async () => {
    const headers = { ...upgradeHeaders(await signToken()), upgrade: [] };
    const verdict = await verdictFor({ headers });
    expectRefused(verdict, 426, 'not_an_upgrade');
    expect(verdict.responseHeaders).toMatchObject({ Upgrade: 'websocket' });
  });

  it('as an upgrade would be, when it is none and brings its token in a header: a page asks why', async () => {
    const plain = async (token: string, given: Given = {}) =>
      verdictFor({ ...given, headers: { ...upgradeHeaders(token), upgrade: [], ...given.headers } });
    expectRefused(await plain(await signToken({ exp: NOW - 5 })), 401, 'expired');
    const full = storeSaying({ ...free, admitted: false, states: [state({ retryAfterUs: 7_000_000 })] });
    const verdict = (await plain(await signToken(), { store: full })) as Reject;
    expectRefused(verdict, 429, 'rate_limited');
    expect(verdict.responseHeaders).toMatchObject({ 'Retry-After': '7' });
    expect(full.asked).toMatchObject([{ isDryRun: true }]);
    const config = { allowed_origins: ['https://app.example'], allow_absent_origin: false };
    expectRefused(
      await plain(await signToken(), { config, headers: { origin: ['https://evil.example'] } }),
      403,
      'origin_not_allowed',
    );
    // A page's GET to its own origin has none.
    expectRefused(
      await plain(await signToken(), { config, headers: { origin: undefined as never } }),
      426,
      'not_an_upgrade',
    );
  });

  it('with 426 when it is none and its token is elsewhere: nothing else is looked at', async () => {
    const store = storeSaying(free);
    const headers = {
      ...upgradeHeaders(undefined),
      upgrade: [],
      'sec-websocket-protocol': [`bearer.${await signToken({ exp: NOW - 5 })}`],
    };
    expectRefused(await verdictFor({ headers, store }), 426, 'not_an_upgrade');
    expect(store.asked).toEqual([]);
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

  it('with 429 and the time to wait when a limit refuses', async () => {
    const states = [
      state({ limit: 300 }),
      state({ remaining: 0, retryAfterUs: 2_000_001, resetUs: 13_000_000 }),
    ];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const verdict = await verdictFor({ token: await signToken(), store });
    expectRefused(verdict, 429, 'rate_limited');
    expect(verdict.responseHeaders).toEqual({
      'X-Request-ID': 'id-1',
      'Retry-After': '3',
      'RateLimit-Limit': '60',
      'RateLimit-Remaining': '0',
      'RateLimit-Reset': '13',
      'X-RateLimit-Limit': '60',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': '13',
    });
    const hidden = await verdictFor({
      token: await signToken(),
      store,
      config: { hide_client_headers: true },
    });
    expect(Object.keys(hidden.responseHeaders).sort()).toEqual(['Retry-After', 'X-Request-ID']);
  });

  it('with 429 in the operator’s words, and a wait that is longer at random', async () => {
    const states = [state({ remaining: 0, retryAfterUs: 2_000_001, resetUs: 13_000_000 })];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const config = { error_message: 'Langsam', retry_after_jitter_max: 5 };
    const waits: unknown[] = [];
    for (const random of [0, 0.5, 0.999]) {
      const verdict = (await verdictFor({ token: await signToken(), store, config, random })) as Reject;
      expect(verdict).toMatchObject({ status: 429, message: 'Langsam' });
      expect(verdict.responseHeaders).toMatchObject({ 'RateLimit-Reset': '13' });
      waits.push(verdict.responseHeaders['Retry-After']);
    }
    expect(waits).toEqual(['3', '6', '8']);
    expect(await verdictFor({ token: 'x', config })).toMatchObject({
      status: 401,
      message: expect.not.stringContaining('Langsam') as unknown,
    });
  });

  it('with 429 whose X-RateLimit-Reset is a Unix timestamp where rate_limit_reset says so, and the IETF’s is not', async () => {
    const states = [state({ remaining: 0, retryAfterUs: 2_000_001, resetUs: 12_300_000 })];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const config = { rate_limit_reset: 'timestamp' };
    const verdict = await verdictFor({ token: await signToken(), store, config, at: NOW + 0.5 });
    expect(verdict.responseHeaders).toMatchObject({
      'Retry-After': '3',
      'RateLimit-Reset': '13',
      'X-RateLimit-Reset': String(NOW + 13),
    });
  });

  it('by the figures of the tenant’s tier, for which the store is asked under the escaped tenant', async () => {
    const store = storeSaying(free);
    const token = await signToken({ tenant_id: 'a:b' });
    await verdictFor({ token, store, config: { tier_key: 'tier:{tenant}' } });
    await verdictFor({ token, store });
    expect(store.asked.map(({ tierKey }) => tierKey)).toEqual(['tier:a%3Ab', undefined]);
    expect(store.asked.map(({ limits }) => limits[0]?.choices?.tiers.size)).toEqual([3, undefined]);
  });

  it('with 429 that tells the log, by its entry, which limit refused, and no client’s address', async () => {
    const limits = [{ by: 'user', limit: 5, burst: 0, window_size: 60, paths: ['/ws'], tiers: {} }];
    const store = storeSaying({
      admitted: false,
      states: [state({ limit: 5, remaining: 0 })],
      revoked: false,
    });
    const config = { rate_limits: limits };
    const verdict = await verdictFor({
      token: await signToken(),
      store,
      config,
      request: { ip: '192.0.2.1', path: '/ws' },
    });
    expect(verdict).toMatchObject({
      message: 'Too many connections, try again later',
      limit: { by: 'user', paths: ['/ws'], limit: 5 },
    });
    expect(verdict).not.toHaveProperty('address');
  });

  it('with 429 in the words of the operator without a longer wait, and with a longer wait in ours', async () => {
    const states = [state({ remaining: 0, retryAfterUs: 2_000_000 })];
    const store = storeSaying({ admitted: false, states, revoked: false });
    const answerTo = async (config: Record<string, unknown>) => {
      const { message, responseHeaders } = (await verdictFor({
        token: await signToken(),
        store,
        config,
      })) as Reject;
      return [message, responseHeaders['Retry-After']];
    };
    expect(await answerTo({ error_message: 'Langsam' })).toEqual(['Langsam', '2']);
    expect(await answerTo({ retry_after_jitter_max: 5 })).toEqual([
      'Too many connections, try again later',
      '5',
    ]);
  });

  it('without a question to Redis where nothing is limited and nobody looks for revoked tokens', async () => {
    const store = storeSaying(new Error('must not be asked'));
    const config = {
      rate_limits: [],
      revocation: { enabled: false, key_prefix: 'blacklist:', fault_tolerant: false },
    };
    expect(await verdictFor({ token: await signToken(), store, config })).toMatchObject({
      outcome: 'admitted',
      responseHeaders: {},
    });
    expectRefused(await verdictFor({ token: 'x', store, config }), 401, 'malformed_token');
  });

  it('by what the store knows of returns of its user to its path, where returns are told', async () => {
    const store = storeSaying(free);
    const token = await signToken();
    await verdictFor({ token, store });
    await verdictFor({ token, store, request: { upstreamPath: '/ws/other' } });
    await verdictFor({ token, store, config: { returns: false } });
    const [first, other, off] = store.asked.map((query) => query.returnKey);
    expect(first).toEqual(expect.any(String));
    expect(other).not.toBe(first);
    expect(off).toBeUndefined();
  });

  it('with 401 when the token was revoked', async () => {
    const store = storeSaying({ ...free, revoked: true });
    expectRefused(await verdictFor({ token: await signToken(), store }), 401, 'revoked');
    expect(store.asked[0]?.revocationKey).toBe('blacklist:token-1');
  });

  it('with 503 when Redis is away and a policy does not allow to go on without it', async () => {
    const gone = { store: storeSaying(new StoreUnreachableError('gone')), fallbackStore: storeSaying(free) };
    const policy = (limits: boolean, revoked: boolean) => ({
      fault_tolerant: limits,
      revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: revoked },
    });
    const verdict = async (limits: boolean, revoked: boolean, claims = {}) =>
      verdictFor({ token: await signToken(claims), ...gone, config: policy(limits, revoked) });
    for (const refused of [
      await verdict(false, true),
      await verdict(true, false),
      await verdict(false, false),
    ]) {
      expectRefused(refused, 503, 'redis_unreachable');
      expect(refused.responseHeaders).toMatchObject({ 'Retry-After': '1' });
    }
    expect((await verdict(true, true)).outcome).toBe('admitted');
    // A token without a jti cannot be revoked one by one: nothing is looked up for it.
    expect((await verdict(true, false, { jti: undefined })).outcome).toBe('admitted');
  });

  it('as far as Redis gave no answer, in this process alone: of the token nothing is asked there', async () => {
    const fallbackStore = storeSaying(free);
    const [first, second] = [1, 2].map((limit) => ({
      by: 'user',
      limit,
      window_size: 60,
      burst: 0,
      paths: [],
      tiers: {},
    }));
    const store: Store = {
      ask: ({ limits }) => Promise.resolve({ ...free, uncounted: limits.slice(1) }),
    };
    const config = {
      rate_limits: [first, second],
      fault_tolerant: true,
      revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: false },
    };
    const verdict = await verdictFor({ token: await signToken(), store, fallbackStore, config });
    expect(verdict.outcome).toBe('admitted');
    expect(fallbackStore.asked).toMatchObject([
      { limits: [{ rate: { limit: 2 } }], revocationKey: undefined },
    ]);
  });

  it('not at all where the store fails in another way than Redis does', async () => {
    const store = storeSaying(new TypeError('a fault of ours'));
    const verdict = verdictFor({ token: await signToken(), store, config: { fault_tolerant: true } });
    await expect(verdict).rejects.toThrow('a fault of ours');
  });

  it('by each answer of Redis for itself, when it refuses one and gives the other', async () => {
    const token = await signToken();
    const fallbackStore = storeSaying({ admitted: true, states: [state({ limit: 7 })], revoked: false });
    const verdict = async (answer: Partial<StoreAnswer>, limits: boolean, revoked: boolean) => {
      const { limits: asked } = (await askedFor(token)) ?? { limits: [] };
      expect(asked).toHaveLength(1);
      const store: Store = {
        ask: (query) =>
          Promise.resolve({
            ...free,
            ...answer,
            ...('uncounted' in answer && { states: [], uncounted: query.limits }),
          }),
      };
      const revocation = { enabled: true, key_prefix: 'blacklist:', fault_tolerant: revoked };
      return verdictFor({ token, store, fallbackStore, config: { fault_tolerant: limits, revocation } });
    };
    const uncounted = { uncounted: [] };
    // A write that is refused takes nothing from the word on the token, and is what the message names.
    expect(await verdict(uncounted, true, false)).toMatchObject({
      outcome: 'admitted',
      responseHeaders: { 'RateLimit-Limit': '7' },
    });
    expect(await verdict(uncounted, false, false)).toMatchObject({
      status: 503,
      message: 'The rate limit cannot be checked, try again later',
    });
    for (const faultTolerant of [true, false]) {
      expectRefused(
        await verdict({ ...uncounted, revoked: true }, faultTolerant, faultTolerant),
        401,
        'revoked',
      );
    }
    // A read that is refused takes nothing from the limits.
    const unknown = { revoked: undefined };
    expect(await verdict(unknown, true, false)).toMatchObject({
      status: 503,
      message: 'Whether the token was revoked cannot be checked, try again later',
    });
    expect((await verdict(unknown, false, true)).outcome).toBe('admitted');
    expectRefused(await verdict({ ...unknown, admitted: false }, false, true), 429, 'rate_limited');
  });

  it('with 429 by the limits in memory while Redis is away', async () => {
    const fallbackStore = storeSaying({ admitted: false, states: [state({ remaining: 0 })], revoked: false });
    const store = storeSaying(new StoreUnreachableError('gone'));
    const config = { revocation: { enabled: false, key_prefix: '', fault_tolerant: false } };
    expectRefused(
      await verdictFor({ token: await signToken(), store, fallbackStore, config }),
      429,
      'rate_limited',
    );
  });

  it('and charged to nobody when its token is bad', async () => {
    const store = storeSaying(free);
    expectRefused(await verdictFor({ token: await signToken({ iss: 'x' }), store }), 401, 'wrong_issuer');
    expect(store.asked).toEqual([]);
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
