import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attempt, Client, token } from './client';
import { logged } from './logged';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const ORIGIN = 'https://app.example.com';
const onKong = process.env['GATEWAY'] === 'kong';
/** The words of ours to Kong for the others are tested on both gateways. */
const describeWhereOthersAre = onKong ? describe : describe.skip;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: {
      ...{ consumer_by: 'tenant', rate_limits: [] },
      ...{ cookie_names: ['session'], uri_param_names: ['token'], allowed_origins: [ORIGIN] },
      allow_absent_origin: true,
    },
    // An operator's consumer, which has an id of its own.
    consumers: [{ id: '4cd2f45b-8f8d-40d2-a504-473544ee190b', username: 'acme', custom_id: 'customer 1' }],
    routeConfigs: { collaboration: { consumer_lookup: true } },
    routePlugins: {
      'bi-dashboards': [{ name: 'acl', config: { allow: ['admin'] } }],
      'ai-chat': [{ name: 'rate-limiting', config: { year: 2, policy: 'local', limit_by: 'consumer' } }],
    },
    kongLog: true,
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** The status of an upgrade whose connection is closed again. */
async function status(path: string, ...asked: [bearer?: string, options?: object]): Promise<number> {
  const result = await attempt(stack, path, ...asked);
  if (!(result instanceof Client)) return result.status;
  await result.close();
  return 101;
}

let requests = 0;
function named(headers: Readonly<Record<string, string>> = {}) {
  requests += 1;
  const requestId = `request-${requests}`;
  return { requestId, options: { headers: { 'x-request-id': requestId, ...headers } } };
}

describe("Kong's log has tenant, user, outcome and request id of an upgrade, and no secret", () => {
  type Place = [place: string, (bearer: string) => { path?: string; headers?: Record<string, string> }];
  const PLACES: Place[] = [
    ['Authorization', (bearer) => ({ headers: { authorization: `Bearer ${bearer}` } })],
    ['a subprotocol', (bearer) => ({ headers: { 'sec-websocket-protocol': `x, bearer.${bearer}` } })],
    ['a cookie', (bearer) => ({ headers: { cookie: `a=1; session=${bearer}`, origin: ORIGIN } })],
    ['the query', (bearer) => ({ path: `/ws/notifications?a=1&token=${bearer}` })],
  ];

  it.each(PLACES)('whose token came in %s', async (_, sentWith) => {
    for (const [claims, outcome, answered] of [
      [{ tenant_id: 'bücher' }, 'admitted', 101],
      [{ exp: 1 }, 'expired', 401],
    ] as const) {
      const { path = '/ws/notifications', headers = {} } = sentWith(await token(claims));
      const { requestId, options } = named(headers);
      await status(path, undefined, options);
      const entry = await logged(stack, requestId);
      const whose = outcome === 'admitted' ? { tenant: 'bücher', user: 'u1' } : {};
      expect(entry.ws_gatekeeper).toEqual({ outcome, request_id: requestId, ...whose });
      expect(entry.response.status).toBe(answered);
      expect(JSON.stringify(entry)).not.toMatch(/eyJ/);
    }
  });

  it('and REDACTED in place of the assertion', async () => {
    const { requestId, options } = named();
    await status('/ws/notifications', await token(), options);
    const { request } = await logged(stack, requestId);
    expect(request.headers['x-gateway-assertion']).toBe('REDACTED');
  });
});

describe('the consumer of an upgrade is', () => {
  it('derived from its tenant, with no credential, which Kong would take to be of no consumer', async () => {
    const { requestId, options } = named();
    await status('/ws/notifications', await token({ tenant_id: 'globex' }), options);
    const { consumer, authenticated_entity: credential } = await logged(stack, requestId);
    // As Kong makes it from the username.
    expect(consumer).toMatchObject({ id: '7d516c59-7eb8-5e24-9faa-b4d40eb0a494', username: 'globex' });
    expect(credential).toBeUndefined();
  });

  it('the one that Kong has, where it is looked up, and its credential is one of it', async () => {
    const { requestId, options } = named();
    expect(await status('/ws/collaboration/d1', await token(), options)).toBe(101);
    const { consumer, authenticated_entity: credential, request } = await logged(stack, requestId);
    const id = '4cd2f45b-8f8d-40d2-a504-473544ee190b';
    expect(consumer).toMatchObject({ id, username: 'acme', custom_id: 'customer 1' });
    expect(credential).toMatchObject({ id: expect.any(String) as unknown, consumer_id: id });
    expect(request.headers).toMatchObject({
      ...{ 'x-consumer-id': id, 'x-consumer-username': 'acme', 'x-consumer-custom-id': 'customer 1' },
    });
  });

  it('not an id that is spelt as a username', async () => {
    const bearer = await token({ tenant_id: '4cd2f45b-8f8d-40d2-a504-473544ee190b' });
    expect(await status('/ws/collaboration/d1', bearer)).toBe(403);
  });

  it('and an upgrade whose consumer Kong has not is refused with 403', async () => {
    const { requestId, options } = named();
    expect(await status('/ws/collaboration/d1', await token({ tenant_id: 'globex' }), options)).toBe(403);
    expect((await logged(stack, requestId)).ws_gatekeeper).toMatchObject({
      ...{ outcome: 'no_consumer', tenant: 'globex', user: 'u1' },
    });
  });

  it("never a client's own in X-Consumer headers", async () => {
    const forged = { 'x-consumer-custom-id': 'forged', 'x-credential-identifier': 'forged' };
    const { requestId, options } = named({ ...forged, 'x-anonymous-consumer': 'true' });
    await status('/ws/notifications', await token(), options);
    const { request } = await logged(stack, requestId);
    expect(
      Object.keys(request.headers)
        .filter((name) => /consumer|credential/.test(name))
        .sort(),
    ).toEqual([...['x-consumer-id', 'x-consumer-username']]);
  });
});

describeWhereOthersAre(`Kong's other plugins${onKong ? '' : ' (skipped: the stand-in has none)'}:`, () => {
  it('acl goes by the roles', async () => {
    for (const [roles, answered] of [
      [['analyst', 'admin'], 101],
      [['analyst'], 403],
      [[], 403],
    ] as const)
      expect(await status('/ws/bi/dashboards/d1', await token({ roles }))).toBe(answered);
  });

  it('rate-limiting by consumer keeps two tenants apart', async () => {
    const [acme, globex] = [await token(), await token({ tenant_id: 'globex' })];
    const answered: number[] = [];
    for (const bearer of [acme, acme, acme, globex]) answered.push(await status('/ws/ai/chat', bearer));
    expect(answered).toEqual([101, 101, 429, 101]);
  });
});
