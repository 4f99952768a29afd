import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { derivedConsumer } from '../../plugin/consumer/derived';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf, type KongRequest, type Told } from './kong-request';

const now = Math.floor(Date.now() / 1000);
const REQUEST_ID = 'request-1';

const open: Gatekeeper[] = [];
afterAll(() => {
  for (const gatekeeper of open) gatekeeper.close();
});

interface Given {
  readonly config?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
  readonly request?: Partial<KongRequest>;
}

async function told({ config = {}, claims = {}, request = {} }: Given = {}): Promise<Told> {
  const unlimited = {
    rate_limits: [],
    revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
  };
  const gatekeeper = new Gatekeeper(rawConfig({ ...unlimited, ...config }), pino({ level: 'silent' }));
  open.push(gatekeeper);
  const token = await signToken({ iat: now, exp: now + 900, ...claims });
  const headers = { ...upgradeHeaders(token), 'x-request-id': [REQUEST_ID] };
  return tellOf(gatekeeper, { headers, ...request });
}

describe("Kong's acl plugin is told the roles of an admitted upgrade", () => {
  it.each([[['analyst', 'admin']], [[]]])('%j', async (roles) => {
    expect((await told({ claims: { roles } })).shared).toEqual({ authenticated_groups: roles });
  });

  it('and nothing of a refused one', async () => {
    expect((await told({ claims: { exp: now - 60 } })).shared).toEqual({});
  });
});

describe("Kong's log plugins are told", () => {
  it('who was admitted, and nothing in place of the assertion', async () => {
    expect((await told()).logged).toEqual({
      'request.headers.x-gateway-assertion': 'REDACTED',
      ws_gatekeeper: { outcome: 'admitted', request_id: REQUEST_ID, tenant: 'acme', user: 'u1' },
    });
  });

  it("nothing in place of the assertion, whatever its header's name", async () => {
    const { logged } = await told({ config: { assertion_header: 'X-Proof' } });
    expect(logged).toMatchObject({ 'request.headers.x-proof': 'REDACTED' });
  });

  it('why an upgrade was refused, and whose it is as far as that is known', async () => {
    expect((await told({ claims: { tenant_id: null } })).logged).toEqual({
      ws_gatekeeper: { outcome: 'no_tenant', request_id: REQUEST_ID },
    });
    const config = { consumer_by: 'claim', consumer_claim: ['client'] };
    expect((await told({ config })).logged).toEqual({
      ws_gatekeeper: { outcome: 'no_consumer', request_id: REQUEST_ID, tenant: 'acme', user: 'u1' },
    });
  });
});

describe('an upgrade has', () => {
  it('no consumer unless the configuration says by what', async () => {
    const { authenticated, upstreamHeaders, clearedHeaders } = await told();
    expect(authenticated).toBeUndefined();
    expect([...Object.keys(upstreamHeaders), ...clearedHeaders].join()).not.toMatch(/consumer|credential/i);
  });

  it.each([
    ['its tenant', { consumer_by: 'tenant' }, {}, 'acme'],
    ['its user, beside the tenant', { consumer_by: 'user' }, {}, 'acme:u1'],
    ['its user, escaped', { consumer_by: 'user' }, { tenant_id: 'a:b', sub: 'é' }, 'a%3Ab:%C3%A9'],
    ['a claim', { consumer_by: 'claim', consumer_claim: ['client'] }, { client: 'web' }, 'web'],
    ['a number in a claim', { consumer_by: 'claim', consumer_claim: ['client'] }, { client: 7 }, '7'],
    [
      'a claim within a claim',
      { consumer_by: 'claim', consumer_claim: ['app', 'id'] },
      { app: { id: 'web' } },
      'web',
    ],
  ])('the consumer of %s', async (_, config, claims, username) => {
    const { authenticated, upstreamHeaders, clearedHeaders } = await told({ config, claims });
    const consumer = derivedConsumer(username);
    expect(authenticated).toEqual({ consumer, credential: undefined });
    expect(upstreamHeaders).toMatchObject({
      'X-Consumer-ID': consumer.id,
      'X-Consumer-Username': username,
      'X-Tenant-ID': expect.any(String) as unknown,
    });
    expect(clearedHeaders).toEqual(
      expect.arrayContaining(['X-Consumer-Custom-ID', 'X-Credential-Identifier', 'X-Anonymous-Consumer']),
    );
  });

  it.each([
    ['absent', {}],
    ['empty', { client: '' }],
    ['an object', { client: { id: 'web' } }],
    ['a list', { client: ['web'] }],
    ['text with a line feed in it', { client: 'web\nX-Consumer-ID: other' }],
    ['inherited', { client: undefined, toString: 'web' }],
    ['longer than an id may be', { client: 'x'.repeat(257) }],
  ])('403 where the claim with its consumer is %s', async (_, claims) => {
    const config = { consumer_by: 'claim', consumer_claim: ['client'] };
    const { status, body, authenticated } = await told({ config, claims });
    expect({ status, body, authenticated }).toEqual({
      status: 403,
      body: '{"message":"The token names no consumer"}',
      authenticated: undefined,
    });
  });
});

describe('an upgrade whose consumer is looked up', () => {
  const config = { consumer_by: 'tenant', consumer_lookup: true };
  const acme = { id: '4cd2f45b-8f8d-40d2-a504-473544ee190b', username: 'acme', custom_id: 'c1', tags: ['t'] };
  let headers: KongRequest['headers'];
  beforeAll(async () => {
    headers = upgradeHeaders(await signToken({ iat: now, exp: now + 900 }));
  });

  it('has the consumer that Kong has, with its own id', async () => {
    const given = { config, request: { headers, consumers: { acme } } };
    const { authenticated, upstreamHeaders, clearedHeaders } = await told(given);
    expect(authenticated).toMatchObject({ consumer: acme, credential: { consumer_id: acme.id } });
    expect(upstreamHeaders).toMatchObject({
      ...{ 'X-Consumer-ID': acme.id, 'X-Consumer-Username': 'acme', 'X-Consumer-Custom-ID': 'c1' },
    });
    expect(clearedHeaders).not.toContain('X-Consumer-Custom-ID');
  });

  it.each([
    ['Kong has none of this username', {}],
    ['Kong answers null, as over MsgPack', { acme: null }],
    ['it is the id of another consumer', { acme: { ...acme, id: 'acme', username: 'globex' } }],
  ])('is refused with 403 where %s', async (_, consumers) => {
    const request = { headers, consumers: consumers as Record<string, never> };
    const { status, body, authenticated } = await told({ config, request });
    expect({ status, body, authenticated }).toEqual({
      status: 403,
      body: '{"message":"No consumer is known for the token"}',
      authenticated: undefined,
    });
  });
});
