import { afterAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Consumer } from '../../plugin/consumer/consumer';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { encode } from '../../kong-stand-in/protobuf/messages';
import { wrap } from '../../kong-stand-in/protobuf/values';
import { MAX_HEADERS, UPGRADE_LOOKED_FOR_IN } from '../../plugin/kong';
import { HeaderSelection } from '../../plugin/request/header-selection';
import { pdkOf } from '../../plugin/server/pdk';
import { parseConfig } from '../../plugin/config/parse';
import { lookedAtHeaders } from '../../plugin/request/request';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf, type Told } from './kong-request';

const now = Math.floor(Date.now() / 1000);
const UNLIMITED = { rate_limits: [], revocation: { enabled: false, key_prefix: '', fault_tolerant: false } };

const open: Gatekeeper[] = [];
afterAll(() => {
  for (const gatekeeper of open) gatekeeper.close();
});

async function told(
  headers: Record<string, string[]>,
  config: Record<string, unknown> = {},
  consumer?: Consumer,
): Promise<Told> {
  const gatekeeper = new Gatekeeper(rawConfig({ ...UNLIMITED, ...config }), pino({ level: 'silent' }));
  open.push(gatekeeper);
  const token = await signToken({ iat: now, exp: now + 900 });
  return tellOf(gatekeeper, { consumer, headers: { ...upgradeHeaders(token), ...headers } });
}

describe("a client's header that reads as if the gateway had said who calls", () => {
  it.each(['x_tenant_id', 'x-tenant_id', 'x_user-id', 'x_user_roles', 'x_request_id', 'x_gateway_assertion'])(
    'goes no further: %s, which CGI and WSGI do not tell from the own one',
    async (name) => {
      const { clearedHeaders, upstreamHeaders } = await told({ [name]: ['forged'] });
      expect(clearedHeaders).toContain(name);
      expect(upstreamHeaders).toMatchObject({ 'X-Tenant-ID': 'acme', 'X-User-ID': 'u1' });
    },
  );

  it.each(['x-consumer-id', 'x-consumer-username', 'x_consumer_custom_id', 'x-credential-identifier'])(
    'goes no further where upgrades have no consumer: %s',
    async (name) => {
      expect((await told({ [name]: ['forged'] })).clearedHeaders).toContain(name);
    },
  );

  it('is not taken for the client’s where a plugin of Kong has authenticated a consumer before, unless it is spelled with _', async () => {
    const consumer = { id: 'c-1', username: 'partner' };
    const sent = { 'x-consumer-id': ['c-1'], 'x-consumer-username': ['partner'], x_consumer_id: ['forged'] };
    expect((await told(sent, {}, consumer)).clearedHeaders).toEqual(['authorization', 'x_consumer_id']);
  });

  it.each(['x-consumer-groups', 'x_consumer_groups', 'x-authenticated-groups'])(
    'goes no further where it tells groups, which Kong’s acl plugin tells later, whoever was authenticated before: %s',
    async (name) => {
      const partner = { id: 'c-1', username: 'partner' };
      for (const consumer of [undefined, partner])
        expect((await told({ [name]: ['admin'] }, {}, consumer)).clearedHeaders).toContain(name);
    },
  );

  it('takes nothing from the headers that are set in its place', async () => {
    const sent = { 'x-tenant-id': ['forged'], 'x-consumer-username': ['forged'], x_consumer_id: ['forged'] };
    const { clearedHeaders, upstreamHeaders } = await told(sent, { consumer_by: 'tenant' });
    expect(upstreamHeaders).toMatchObject({ 'X-Tenant-ID': 'acme', 'X-Consumer-Username': 'acme' });
    expect(clearedHeaders).toContain('x_consumer_id');
    for (const name of ['x-tenant-id', 'x-consumer-username']) expect(clearedHeaders).not.toContain(name);
  });

  it('is told by the names of the configuration', async () => {
    const { clearedHeaders } = await told(
      { x_org: ['forged'], 'x-org': ['forged'], x_tenant_id: ['of somebody else'] },
      { tenant_header: 'X-Org' },
    );
    expect(clearedHeaders).toContain('x_org');
    for (const name of ['x-org', 'x_tenant_id']) expect(clearedHeaders).not.toContain(name);
  });

  it('is none where the configuration has its name for the roles', async () => {
    const { clearedHeaders, upstreamHeaders } = await told(
      { 'x-authenticated-groups': ['admin'], x_authenticated_groups: ['admin'] },
      { roles_header: 'X-Authenticated-Groups' },
    );
    expect(upstreamHeaders).toMatchObject({ 'X-Authenticated-Groups': 'analyst,admin' });
    expect(clearedHeaders).toContain('x_authenticated_groups');
    expect(clearedHeaders).not.toContain('x-authenticated-groups');
  });

  it('costs Kong nothing where there is none', async () => {
    expect((await told({ x_other: ['1'] })).clearedHeaders).toEqual(['authorization']);
  });
});

it('among the bytes of headers such a header is found in the spelling that the client sent', async () => {
  const selection = lookedAtHeaders((await parseConfig(rawConfig())).config);
  const found = (name: string) => selection.find(Buffer.from(name), 0, name.length);
  expect(['X-Tenant-ID', 'X_Tenant_ID', 'x-tenant_id', 'x.tenant.id', 'X-Request-ID'].map(found)).toEqual([
    'x-tenant-id',
    'x_tenant_id',
    'x-tenant_id',
    undefined,
    'x-request-id',
  ]);
  expect(['sec-websocket-protocol', 'sec_websocket_protocol', 'X_Consumer_ID'].map(found)).toEqual([
    'sec-websocket-protocol',
    undefined,
    'x_consumer_id',
  ]);
});

// Those of an upgrade, and the token.
const OWN = 6;

describe('a request with so many headers that Kong may not hand out all of them', () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, ['']]));
  it.each([
    ['each of its own name', many(MAX_HEADERS - OWN)],
    ['all of one name', { 'x-many': Array<string>(MAX_HEADERS - OWN).fill('') }],
  ])('is refused, since what is behind them is not seen: %s', async (_, headers) => {
    expect(await told(headers)).toMatchObject({
      status: 431,
      body: '{"message":"The request has too many headers"}',
      logged: { ws_gatekeeper: { outcome: 'too_many_headers' } },
    });
  });

  it('is none with one less', async () => {
    const plain = { ...many(MAX_HEADERS - OWN), upgrade: [] };
    expect(await told(plain)).toMatchObject({ status: 426 });
  });

  it.each([
    ['each of its own name', (count: number) => many(count)],
    ['all of one name', (count: number) => ({ 'x-many': Array<string>(count).fill('') })],
    ['two of each name', (count: number) => ({ ...many(count - 2), a: ['b', 'b'] })],
  ])('has each of its lines counted among the bytes of Kong: %s', async (_, headersOf) => {
    const frame = encode('Struct', wrap('Struct', headersOf(150)) ?? {});
    const pdk = pdkOf({
      tell: () => Promise.resolve(),
      exit: () => Promise.resolve(),
      ask: async (_write, read) => Promise.resolve(read(frame)),
    });
    for (const looked of [[], ['a', 'x-1', 'x-many']]) {
      const read = await pdk.request.getSelectedHeaders?.(new HeaderSelection(looked), MAX_HEADERS);
      expect(read?.lines).toBe(150);
    }
  });
});

describe('an upgrade with more header lines than Kong looks through for Upgrade', () => {
  const ofOneName = (count: number) => ({ 'x-many': Array<string>(count).fill('') });

  it('is refused: where Kong does not see it, the upstream would get a message that no limit on messages counts', async () => {
    const headers = ofOneName(UPGRADE_LOOKED_FOR_IN - OWN + 1);
    expect(await told({ ...headers, 'content-type': ['application/json'] })).toMatchObject({
      status: 431,
      body: '{"message":"The request has too many headers"}',
    });
  });

  it('is none with one less, which Kong sees', async () => {
    expect((await told(ofOneName(UPGRADE_LOOKED_FOR_IN - OWN))).status).toBeUndefined();
  });
});
