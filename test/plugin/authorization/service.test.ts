import { describe, expect, it } from '@jest/globals';
import { NoResponseError, type PostResponse } from '../../../plugin/authorization/http-post';
import type { Question } from '../../../plugin/authorization/question';
import {
  AuthorizationUnavailableError,
  HttpAuthorizationService,
  MAX_TENANT_CALLS,
} from '../../../plugin/authorization/service';
import { MAX_FAILED_TENANTS } from '../../../plugin/authorization/host-breaker';
import { BREAKER_FAILURES, BREAKER_RETRY_MS } from '../../../plugin/lib/breaker';

const SETTINGS = {
  format: 'plain',
  headers: {},
  timeoutMs: 10_000,
  cacheSeconds: 10,
  refusedCacheSeconds: 5,
  cacheSize: 3,
} as const;
const LONG = 1000;

const question = (changes: Partial<Question> & { readonly user?: string } = {}): Question => ({
  rule: 0,
  url: 'http://opa/decision',
  path: '/ws/bi/dashboards/7',
  params: { id: '7' },
  identity: { tenantId: 'acme', userId: changes.user ?? 'u1', roles: ['analyst'] },
  ...changes,
});

type Respond = (url: string, body: string) => Promise<PostResponse>;
const says =
  (value: unknown, status = 200): Respond =>
  () =>
    Promise.resolve({ status, body: JSON.stringify(value) });
const silent: Respond = () => Promise.reject(new NoResponseError('ECONNREFUSED'));

function setup(changes: Partial<ConstructorParameters<typeof HttpAuthorizationService>[0]> = {}) {
  const state = {
    now: 0,
    respond: says(true),
    bodies: [] as unknown[],
    timeoutsMs: [] as number[],
    outcomes: [] as string[],
    failures: [] as string[],
    breaker: [] as boolean[],
  };
  const service = new HttpAuthorizationService(
    { ...SETTINGS, ...changes },
    {
      post(url, body, timeoutMs) {
        state.bodies.push(JSON.parse(body));
        state.timeoutsMs.push(timeoutMs);
        return state.respond(url, body);
      },
      monotonicMs: () => state.now,
      onCall: (outcome) => state.outcomes.push(outcome),
      onFailure: (_, reason) => state.failures.push(reason),
      onBreaker: (open) => state.breaker.push(open),
    },
  );
  const ask = (asked = question(), validSeconds = LONG) => service.ask(asked, 'r1', validSeconds);
  const fails = (asked = question()) => expect(ask(asked)).rejects.toThrow(AuthorizationUnavailableError);
  return { state, service, ask, fails };
}

const allowed = { isAllowed: true, access: undefined };
const refused = { isAllowed: false };

describe('a question', () => {
  const members = {
    tenant: 'acme',
    user: 'u1',
    roles: ['analyst'],
    path: '/ws/bi/dashboards/7',
    parameters: { id: '7' },
    request_id: 'r1',
  };

  it('says whom and what it is about', async () => {
    const { state, ask } = setup();
    expect(await ask()).toEqual(allowed);
    expect(state.bodies).toEqual([members]);
  });

  it('is the input of OPA where the configuration says so', async () => {
    const { state, ask } = setup({ format: 'opa' });
    state.respond = says({ result: { allow: true, access: 'read' } });
    expect(await ask()).toEqual({ isAllowed: true, access: 'read' });
    expect(state.bodies).toEqual([{ input: members }]);
  });

  it('shares the call of an equal one that is under way, and the call’s failure', async () => {
    const { state, ask, fails } = setup({ cacheSeconds: 0 });
    await Promise.all([ask(), ask(), ask(question({ user: 'u2' })), ask()]);
    expect(state.bodies).toHaveLength(2);
    state.respond = silent;
    await Promise.all([fails(), fails()]);
    expect(state.bodies).toHaveLength(3);
    state.respond = says(true);
    await ask();
    expect(state.bodies).toHaveLength(4);
  });

  it.each<[string, Partial<Question>]>([
    ['another url', { url: 'http://opa/other' }],
    ['another path', { path: '/ws/bi/dashboards/8' }],
    ['other parameters', { params: { board: '7' } }],
    ['another tenant', { identity: { tenantId: 'b', userId: 'u1', roles: ['analyst'] } }],
    ['another user', { identity: { tenantId: 'acme', userId: 'u2', roles: ['analyst'] } }],
    ['other roles', { identity: { tenantId: 'acme', userId: 'u1', roles: [] } }],
    [
      'names that only run together alike',
      { identity: { tenantId: 'acme","user":"u1', userId: '', roles: ['analyst'] } },
    ],
  ])('is another one with %s', async (_, changes) => {
    const { service, ask } = setup();
    await ask();
    expect(service.known(question())).toEqual(allowed);
    expect(service.known(question(changes))).toBeUndefined();
  });
});

describe('an answer', () => {
  it('is remembered for its time, one that refuses for its own', async () => {
    const { state, service, ask } = setup();
    await ask();
    state.respond = says(false);
    await ask(question({ user: 'u2' }));
    state.now = 4999;
    expect(service.known(question({ user: 'u2' }))).toEqual(refused);
    state.now = 5000;
    expect(service.known(question({ user: 'u2' }))).toBeUndefined();
    state.now = 9999;
    expect(service.known(question())).toEqual(allowed);
    state.now = 10_000;
    expect(service.known(question())).toBeUndefined();
  });

  it('is not remembered longer than its token is good', async () => {
    const { state, service, ask } = setup();
    await ask(question(), 2);
    state.now = 1999;
    expect(service.known(question())).toEqual(allowed);
    state.now = 2000;
    expect(service.known(question())).toBeUndefined();
    await ask(question(), -1);
    expect(service.known(question())).toBeUndefined();
  });

  it('that refuses displaces none that allows, and replaces its own', async () => {
    const { state, service, ask } = setup();
    await ask();
    state.respond = says(false);
    for (const user of ['a', 'b', 'c', 'd', 'e']) await ask(question({ user }));
    expect(service.known(question())).toEqual(allowed);
    expect(service.known(question({ user: 'e' }))).toEqual(refused);
    expect(service.known(question({ user: 'a' }))).toBeUndefined();
    await ask();
    expect(service.known(question())).toEqual(refused);
  });

  it.each([{ cacheSeconds: 0, refusedCacheSeconds: 0 }, { cacheSize: 0 }])(
    'is not remembered with %j',
    async (settings) => {
      const { service, ask } = setup(settings);
      await ask();
      expect(service.known(question())).toBeUndefined();
    },
  );

  it('that is none is not remembered', async () => {
    const { state, service, ask, fails } = setup();
    for (const respond of [says({}), says(true, 500), silent]) {
      state.respond = respond;
      await fails();
      expect(service.known(question())).toBeUndefined();
    }
    state.respond = says(true);
    expect(await ask()).toEqual(allowed);
    expect(state.outcomes).toEqual(['failed', 'failed', 'failed', 'allowed']);
    expect(state.failures).toEqual(['a body without a decision', 'status 500', 'ECONNREFUSED']);
  });
});

describe('a service that does not respond', () => {
  it('is not asked any more after some failures, then by one upgrade a while, and fully once it responds', async () => {
    const { state, service, ask, fails } = setup({ cacheSeconds: 0 });
    state.respond = silent;
    for (let index = 0; index < BREAKER_FAILURES + 10; index += 1) await fails();
    expect(state.bodies).toHaveLength(BREAKER_FAILURES);
    expect(service.isShut(question())).toBe(true);
    state.now += BREAKER_RETRY_MS;
    expect(service.isShut(question())).toBe(false);
    for (let index = 0; index < 5; index += 1) await fails();
    expect(state.bodies).toHaveLength(BREAKER_FAILURES + 1);
    state.now += BREAKER_RETRY_MS;
    state.respond = says(true);
    for (let index = 0; index < 3; index += 1) expect(await ask()).toEqual(allowed);
    expect(state.breaker).toEqual([true, false]);
  });

  it('is asked by one of many that come at once after that while', async () => {
    const { state, fails } = setup({ cacheSeconds: 0 });
    state.respond = silent;
    for (let index = 0; index < BREAKER_FAILURES; index += 1) await fails();
    state.now += BREAKER_RETRY_MS;
    await Promise.all(Array.from({ length: 10 }, (_, user) => fails(question({ user: `u${user}` }))));
    expect(state.bodies).toHaveLength(BREAKER_FAILURES + 1);
  });

  it.each([429, 502, 503, 504])('is one that answers %i', async (status) => {
    const { state, service, fails } = setup();
    state.respond = says(true, status);
    for (let index = 0; index < BREAKER_FAILURES; index += 1) await fails();
    expect(service.isShut(question())).toBe(true);
  });

  const ofTenant = (tenantId: string, userId = 'u1') =>
    question({ identity: { tenantId, userId, roles: ['analyst'] } });

  it('for the questions of one tenant is asked for the others all the same', async () => {
    const { state, service, ask, fails } = setup({ cacheSeconds: 0 });
    state.respond = silent;
    for (let index = 0; index < 2 * BREAKER_FAILURES; index += 1) await fails(ofTenant('slow', `u${index}`));
    expect(state.bodies).toHaveLength(BREAKER_FAILURES);
    expect([service.isShut(ofTenant('slow')), service.isShut(ofTenant('other'))]).toEqual([true, false]);
    state.respond = says(true);
    expect(await ask(ofTenant('other'))).toEqual(allowed);
    // Its own begin again once one of them gets a response.
    await fails(ofTenant('slow'));
    expect(state.breaker).toEqual([true]);
    state.now += BREAKER_RETRY_MS;
    expect(await ask(ofTenant('slow'))).toEqual(allowed);
    expect(state.breaker).toEqual([true, false]);
  });

  it('for those of several tenants in a row is asked for nobody', async () => {
    const { state, service, ask, fails } = setup({ cacheSeconds: 0 });
    state.respond = silent;
    for (let index = 0; index < 2 * BREAKER_FAILURES; index += 1) await fails(ofTenant(`t${index}`));
    expect(state.bodies).toHaveLength(BREAKER_FAILURES);
    expect(service.isShut(ofTenant('other'))).toBe(true);
    state.now += BREAKER_RETRY_MS;
    state.respond = says(true);
    expect(await ask(ofTenant('other'))).toEqual(allowed);
    expect(service.isShut(ofTenant('another'))).toBe(false);
    expect(state.breaker).toEqual([true, false]);
  });

  it('forgets who failed long ago, and counts nobody as shut out who is forgotten', async () => {
    const { state, service, fails } = setup({ cacheSeconds: 0 });
    for (let index = 0; index < MAX_FAILED_TENANTS + 1; index += 1) {
      state.respond = silent;
      for (let failed = 0; failed < BREAKER_FAILURES; failed += 1) await fails(ofTenant(`t${index}`));
      state.respond = says(true);
      await service.ask(ofTenant('good'), 'r1', 0);
    }
    expect([service.isShut(ofTenant('t0')), service.isShut(ofTenant('t1'))]).toEqual([false, true]);
  });

  it('does not keep another one from being asked', async () => {
    const { state, service, ask, fails } = setup();
    state.respond = silent;
    for (let index = 0; index < BREAKER_FAILURES; index += 1) await fails();
    state.respond = says(true);
    expect(service.isShut(question({ url: 'http://opa/else' }))).toBe(true);
    expect(await ask(question({ url: 'http://opa:81/decision' }))).toEqual(allowed);
  });

  it.each([
    ['answers 500', says(true, 500)],
    ['answers 401', says(true, 401)],
    ['says nothing', says({})],
    ['says too much', () => Promise.reject(new Error('a body of more than 65536 bytes'))],
  ])('is none that %s, however often', async (_, respond) => {
    const { state, service, fails } = setup();
    state.respond = respond;
    for (let index = 0; index < 2 * BREAKER_FAILURES; index += 1) await fails();
    expect(service.isShut(question())).toBe(false);
    expect(state.bodies).toHaveLength(2 * BREAKER_FAILURES);
  });

  it('is not one that did not respond now and then: a body too large is a response as well', async () => {
    const { state, service, fails } = setup();
    for (let index = 0; index < 2 * BREAKER_FAILURES; index += 1) {
      state.respond = silent;
      await fails();
      state.respond = () => Promise.reject(new Error('a body of more than 65536 bytes'));
      await fails();
    }
    expect(service.isShut(question())).toBe(false);
  });

  it('is none whose policy stumbles over some users: the others are answered', async () => {
    const { state, service, fails } = setup();
    for (const respond of [says(true, 500), says({}), says('x', 404), says(true, 500), says({})]) {
      state.respond = respond;
      await fails();
    }
    expect(service.isShut(question())).toBe(false);
  });
});

describe('questions of one tenant', () => {
  const ofTenant = (tenantId: string, userId: string) =>
    question({ identity: { tenantId, userId, roles: ['analyst'] } });

  it('are on their way in so many at once, and keep no other tenant waiting', async () => {
    const { state, ask } = setup({ cacheSeconds: 0 });
    const held: (() => void)[] = [];
    state.respond = () => new Promise((resolve) => held.push(() => void says(true)('', '').then(resolve)));
    const asked = Array.from({ length: MAX_TENANT_CALLS + 5 }, (_, user) => ask(ofTenant('big', `u${user}`)));
    const other = ask(ofTenant('other', 'u1'));
    expect(held).toHaveLength(MAX_TENANT_CALLS + 1);
    held.pop()?.();
    expect(await other).toEqual(allowed);
    while (held.length > 0) {
      held.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await Promise.all(asked)).toHaveLength(MAX_TENANT_CALLS + 5);
  });

  it('that waited for others of it have what is left of their time', async () => {
    const { state, ask } = setup({ cacheSeconds: 0 });
    const held: (() => void)[] = [];
    state.respond = () => new Promise((resolve) => held.push(() => void says(true)('', '').then(resolve)));
    const asked = Array.from({ length: MAX_TENANT_CALLS + 1 }, (_, user) => ask(ofTenant('big', `u${user}`)));
    state.now = 200;
    state.respond = says(true);
    for (const release of held) release();
    await Promise.all(asked);
    expect(new Set(state.timeoutsMs.slice(0, -1))).toEqual(new Set([SETTINGS.timeoutMs]));
    expect(state.timeoutsMs.at(-1)).toBe(SETTINGS.timeoutMs - 200);
  });

  it('that wait for others of it longer than one may take are not asked, and hold nothing against the service', async () => {
    const { state, service, ask, fails } = setup({ cacheSeconds: 0, timeoutMs: 30 });
    const held: (() => void)[] = [];
    state.respond = () => new Promise((resolve) => held.push(() => void says(true)('', '').then(resolve)));
    const asked = Array.from({ length: MAX_TENANT_CALLS }, (_, user) => ask(ofTenant('big', `u${user}`)));
    const late = Array.from({ length: BREAKER_FAILURES }, (_, user) => fails(ofTenant('big', `late${user}`)));
    await Promise.all(late);
    expect(state.bodies).toHaveLength(MAX_TENANT_CALLS);
    expect(service.isShut(ofTenant('big', 'u1'))).toBe(false);
    for (const release of held) release();
    await Promise.all(asked);
    // Who gave up takes nobody's place.
    state.respond = says(true);
    expect(await ask(ofTenant('big', 'next'))).toEqual(allowed);
  });
});
