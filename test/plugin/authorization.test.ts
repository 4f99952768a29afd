import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { decisions } from '../../plugin/metrics/metrics';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf, type Told } from './kong-request';

const RULES = [
  { paths: ['/ws/bi/dashboards/{id}'], claim: ['dashboards'], values: ['{id}', '*'] },
  { paths: ['/ws/collaboration/{id}'], roles: ['editor'], otherwise: 'next' },
  { paths: ['/ws/collaboration/{id}'], access: 'read' },
];

const lines: Record<string, unknown>[] = [];
const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
// Nothing listens on port 1: a decision that asks Redis has another end.
const redis = { ...(rawConfig()['redis'] as object), url: 'redis://127.0.0.1:1', timeout: 200 };
const revocation = { enabled: false, key_prefix: '', fault_tolerant: false };
const CONFIG = rawConfig({ authorization: RULES, redis, revocation, fault_tolerant: false });

let unlimited: Gatekeeper;
let limited: Gatekeeper;
let unruled: Gatekeeper;
beforeAll(() => {
  limited = new Gatekeeper(CONFIG, log);
  unlimited = new Gatekeeper({ ...CONFIG, rate_limits: [] }, log);
  unruled = new Gatekeeper({ ...CONFIG, rate_limits: [], authorization: [] }, log);
});
afterAll(() => {
  for (const gatekeeper of [limited, unlimited, unruled]) gatekeeper.close();
});

async function tokenWith(claims: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return signToken({ iat: now, exp: now + 900, ...claims });
}

const asks = (token: string, path: string, gatekeeper = unlimited, upstreamUri = path): Promise<Told> =>
  tellOf(gatekeeper, { headers: upgradeHeaders(token), path, upstreamUri });

function assertionOf({ upstreamHeaders }: Told) {
  const jws = upstreamHeaders['X-Gateway-Assertion'] ?? '';
  return { typ: decodeProtectedHeader(jws).typ, access: decodeJwt(jws)['access'] };
}

async function refusals(): Promise<number> {
  const { values } = await decisions.get();
  return values.find(({ labels }) => labels.outcome === 'not_authorized')?.value ?? NaN;
}

describe('an upgrade that no rule lets through', () => {
  it('is refused with 403, counted and logged by the field that refused, and its assertion is not signed', async () => {
    const before = await refusals();
    const told = await asks(await tokenWith({ dashboards: ['8'] }), '/ws/bi/dashboards/7');
    expect(told).toMatchObject({ status: 403, upstreamHeaders: {} });
    expect(told.body).toBe('{"message":"The token may not open this path"}');
    expect(await refusals()).toBe(before + 1);
    expect(lines.at(-1)).toMatchObject({
      msg: 'refused',
      status: 403,
      outcome: 'not_authorized',
      tenant: 'acme',
      user: 'u1',
      rule: 'authorization[0].claim',
    });
  });

  it('costs no question to Redis', async () => {
    const token = await tokenWith({ dashboards: ['8'] });
    expect(await asks(token, '/ws/bi/dashboards/7', limited)).toMatchObject({ status: 403 });
    expect(await asks(token, '/ws/bi/dashboards/8', limited)).toMatchObject({ status: 503 });
  });
});

describe('a known token', () => {
  it('opens what it names and nothing else, whatever it opened before', async () => {
    const token = await tokenWith({ dashboards: ['8'] });
    for (let round = 0; round < 2; round += 1) {
      expect((await asks(token, '/ws/bi/dashboards/8')).status).toBeUndefined();
      expect((await asks(token, '/ws/bi/dashboards/7')).status).toBe(403);
    }
  });
});

describe('the assertion', () => {
  it('says the access that was decided on the path, of one token on each', async () => {
    const token = await tokenWith({ dashboards: ['*'], roles: ['viewer'] });
    expect(assertionOf(await asks(token, '/ws/bi/dashboards/7'))).toEqual({
      typ: 'gateway-assertion+jwt',
      access: 'write',
    });
    expect(assertionOf(await asks(token, '/ws/collaboration/7'))).toEqual({
      typ: 'gateway-reader-assertion+jwt',
      access: 'read',
    });
    expect(assertionOf(await asks(token, '/ws/notifications'))).toMatchObject({ access: 'write' });
    const editor = await tokenWith({ roles: ['editor'] });
    expect(assertionOf(await asks(editor, '/ws/collaboration/7'))).toMatchObject({ access: 'write' });
  });

  it('says none where there are no rules', async () => {
    const told = await asks(await tokenWith({}), '/ws/collaboration/7', unruled);
    expect(assertionOf(told)).toEqual({ typ: 'gateway-assertion+jwt', access: undefined });
  });

  it('is judged by the path that Kong calls, which it is for', async () => {
    const token = await tokenWith({ dashboards: ['8'] });
    const stripped = await asks(token, '/realtime/ws/bi/dashboards/8', unlimited, '/ws/bi/dashboards/7');
    expect(stripped.status).toBe(403);
    const other = await asks(token, '/ws/bi/dashboards/7', unlimited, '/ws/bi/dashboards/8');
    expect(other.status).toBeUndefined();
  });
});

it('a rule with a condition that this gatekeeper does not know lets nobody in', async () => {
  const rules = [{ paths: ['/ws/notifications'], roles: null, moon: ['full'] }];
  const newer = new Gatekeeper({ ...CONFIG, authorization: rules }, log);
  expect(await asks(await tokenWith({}), '/ws/notifications', newer)).toMatchObject({ status: 500 });
  expect(lines.find(({ msg }) => msg === 'configuration refused')).toMatchObject({
    reason: expect.stringMatching(/^config\.authorization\[0\].*moon/) as unknown,
  });
  newer.close();
});
