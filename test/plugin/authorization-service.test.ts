import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { authorizationCalls, decisions, openAuthorizationBreakers } from '../../plugin/metrics/metrics';
import { closeRedisConnections } from '../../plugin/store/redis-connection';
import { freePortsInARow } from '../dev/free-ports';
import { AuthorizationServer, BAD_ANSWERS, saying } from '../fakes/authorization-server';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf, type Told } from './kong-request';

/** No answer that comes is too late for it. */
const TIMEOUT_MS = 10_000;
/** The timeout for answers that do not come. */
const SHORT_TIMEOUT_MS = 3000;
const PATH = '/ws/bi/dashboards/7';

const lines: Record<string, unknown>[] = [];
const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });

let redis: RedisServer;
let service: AuthorizationServer;
const gatekeepers: Gatekeeper[] = [];
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  closeRedisConnections();
  await redis.stop();
});
beforeEach(async () => {
  lines.length = 0;
  // A port that it can have again when it was stopped.
  service = await new AuthorizationServer().start((await freePortsInARow(1))[0]);
});
afterEach(async () => {
  for (const gatekeeper of gatekeepers.splice(0)) gatekeeper.close();
  await service.stop();
});

type Config = Record<string, unknown>;

function gatekeeperWith(changes: Config = {}, rule: Config = {}, settings: Config = {}): Gatekeeper {
  const given = rawConfig();
  const gatekeeper = new Gatekeeper(
    {
      ...given,
      rate_limits: [],
      redis: { ...(given['redis'] as object), url: redis.url, timeout: 5000 },
      decision_timeout: 30_000,
      authorization: [{ paths: ['/ws/bi/dashboards/{id}'], url: service.url, ...rule }],
      authorization_service: {
        ...(given['authorization_service'] as object),
        timeout: TIMEOUT_MS,
        ...settings,
      },
      ...changes,
    },
    log,
  );
  gatekeepers.push(gatekeeper);
  return gatekeeper;
}

async function tokenWith(claims: Config = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return signToken({ iat: now, exp: now + 900, ...claims });
}

const opens = (gatekeeper: Gatekeeper, token: string | undefined, path = PATH): Promise<Told> =>
  tellOf(gatekeeper, { headers: upgradeHeaders(token), path });

const accessOf = ({ upstreamHeaders }: Told) =>
  decodeJwt(upstreamHeaders['X-Gateway-Assertion'] ?? '')['access'];

async function counted(counter: typeof decisions, outcome: string): Promise<number> {
  const { values } = await counter.get();
  return values.find(({ labels }) => labels.outcome === outcome)?.value ?? NaN;
}

describe('an authorization service', () => {
  it('is asked about a good token and decides', async () => {
    const gatekeeper = gatekeeperWith();
    service.respond = (response, { body }) => {
      saying((body as { parameters: { id: string } }).parameters.id === '7')(response, {
        path: '',
        headers: {},
        body,
      });
    };
    const token = await tokenWith({ roles: ['analyst'] });
    expect(accessOf(await opens(gatekeeper, token))).toBe('write');
    const refusals = await counted(decisions, 'not_authorized');
    const told = await opens(gatekeeper, token, '/ws/bi/dashboards/a%2Fb');
    expect(told).toMatchObject({ status: 403, body: '{"message":"The token may not open this path"}' });
    expect(await counted(decisions, 'not_authorized')).toBe(refusals + 1);
    expect(lines.at(-1)).toMatchObject({ outcome: 'not_authorized', rule: 'authorization[0].url' });
    expect(service.arrived.map(({ body }) => body)).toEqual([
      {
        ...{ tenant: 'acme', user: 'u1', roles: ['analyst'], path: PATH, parameters: { id: '7' } },
        request_id: expect.any(String) as unknown,
      },
      expect.objectContaining({ path: '/ws/bi/dashboards/a%2Fb', parameters: { id: 'a/b' } }),
    ]);
  });

  it('gives no more than the rule, and less where it says so', async () => {
    const token = await tokenWith();
    service.respond = saying({ allow: true, access: 'write' });
    expect(accessOf(await opens(gatekeeperWith({}, { access: 'read' }), token))).toBe('read');
    service.respond = saying({ result: { allow: true, access: 'read' } });
    expect(accessOf(await opens(gatekeeperWith(), token))).toBe('read');
  });

  it('is asked once for equal upgrades, over one connection for others', async () => {
    const gatekeeper = gatekeeperWith();
    const token = await tokenWith();
    await Promise.all(Array.from({ length: 20 }, () => opens(gatekeeper, token)));
    expect(service.arrived).toHaveLength(1);
    await opens(gatekeeper, await tokenWith({ jti: 'another of the same user' }));
    expect(service.arrived).toHaveLength(1);
    for (let id = 0; id < 5; id += 1) await opens(gatekeeper, token, `/ws/bi/dashboards/x${id}`);
    expect(service.arrived).toHaveLength(6);
    expect(service.connections).toBe(1);
  });

  it('is sent the headers of the configuration, which no log has', async () => {
    const gatekeeper = gatekeeperWith({}, {}, { headers: { 'X-Api-Key': 'the key of the gatekeeper' } });
    await opens(gatekeeper, await tokenWith());
    service.respond = saying(true, 500);
    await opens(gatekeeper, await tokenWith(), '/ws/bi/dashboards/8');
    expect(service.arrived.map(({ headers }) => headers['x-api-key'])).toEqual(
      Array(2).fill('the key of the gatekeeper'),
    );
    expect(JSON.stringify(lines)).not.toContain('the key');
  });

  it('may hand on to the next rule, which may ask another one', async () => {
    const other = await new AuthorizationServer().start();
    const paths = ['/ws/bi/dashboards/{id}'];
    const gatekeeper = gatekeeperWith({
      authorization: [
        { paths, url: service.url, otherwise: 'next' },
        { paths, url: other.url, access: 'read', otherwise: 'next' },
        { paths, roles: ['director'], access: 'read' },
      ],
    });
    const token = await tokenWith({ roles: ['analyst'] });
    service.respond = saying(false);
    expect(accessOf(await opens(gatekeeper, token))).toBe('read');
    other.respond = saying(false);
    expect(await opens(gatekeeper, token, '/ws/bi/dashboards/8')).toMatchObject({ status: 403 });
    expect(accessOf(await opens(gatekeeper, await tokenWith({ roles: ['director'] })))).toBe('read');
    service.respond = saying(true, 500);
    expect(await opens(gatekeeper, token, '/ws/bi/dashboards/9')).toMatchObject({ status: 503 });
    await other.stop();
  });
});

describe('an authorization service is not asked', () => {
  it('about a token that is not good, or lacks something else in the rule', async () => {
    const gatekeeper = gatekeeperWith({}, { roles: ['analyst'] });
    const statuses = [
      await opens(gatekeeper, undefined),
      await opens(gatekeeper, 'a.b.c'),
      await opens(gatekeeper, await signToken({}, 'another secret, also of 32 bytes or more')),
      await opens(gatekeeper, await tokenWith({ exp: 1 })),
      await opens(gatekeeper, await tokenWith({ roles: ['viewer'] })),
      await opens(gatekeeper, await tokenWith({ roles: ['analyst'] }), '/ws/bi/dashboards/%FF'),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401, 401, 403, 403]);
    expect(service.arrived).toHaveLength(0);
  });

  it('about a revoked token', async () => {
    const client = new Redis(redis.url);
    await client.set('blacklist:gone', '1');
    client.disconnect();
    expect(await opens(gatekeeperWith(), await tokenWith({ jti: 'gone' }))).toMatchObject({ status: 401 });
    expect(service.arrived).toHaveLength(0);
  });

  it('about more upgrades than the limits let through', async () => {
    const limit = { by: 'user', limit: 1, window_size: 3600, burst: 1, paths: [], tiers: {} };
    const gatekeeper = gatekeeperWith({ rate_limits: [limit] });
    const token = await tokenWith({ sub: 'flooding' });
    const statuses: (number | undefined)[] = [];
    for (let id = 0; id < 10; id += 1)
      statuses.push((await opens(gatekeeper, token, `/ws/bi/dashboards/${id}`)).status);
    expect(statuses).toEqual([undefined, undefined, ...Array<number>(8).fill(429)]);
    expect(service.arrived).toHaveLength(2);
  });

  it('by a page that asks why, which is told what is known', async () => {
    const gatekeeper = gatekeeperWith();
    const token = await tokenWith();
    const headers = { authorization: [`Bearer ${token}`] };
    const why = (path: string) => tellOf(gatekeeper, { headers, path });
    service.respond = saying(false);
    expect(await why(PATH)).toMatchObject({ status: 426 });
    expect(service.arrived).toHaveLength(0);
    expect(await opens(gatekeeper, token)).toMatchObject({ status: 403 });
    expect(await why(PATH)).toMatchObject({ status: 403 });
    expect(service.arrived).toHaveLength(1);
  });
});

describe('an authorization service that', () => {
  it.each(BAD_ANSWERS)('%s lets nobody in', async (_, respond) => {
    const gatekeeper = gatekeeperWith({}, {}, { timeout: SHORT_TIMEOUT_MS });
    const token = await tokenWith();
    const [unavailable, failed] = [
      await counted(decisions, 'authorization_unavailable'),
      await counted(authorizationCalls, 'failed'),
    ];
    service.respond = respond;
    const told = await opens(gatekeeper, token);
    expect(told).toMatchObject({
      status: 503,
      body: '{"message":"Whether the token may open this path cannot be checked, try again later"}',
      upstreamHeaders: {},
    });
    expect(told.responseHeaders).toMatchObject({ 'Retry-After': '1' });
    expect(await counted(decisions, 'authorization_unavailable')).toBe(unavailable + 1);
    expect(await counted(authorizationCalls, 'failed')).toBe(failed + 1);
    expect(lines.filter(({ level }) => Number(level) >= 40)).toEqual([
      expect.objectContaining({ msg: 'an authorization service does not decide', url: service.url }),
    ]);
    expect(lines.at(-1)).toMatchObject({
      outcome: 'authorization_unavailable',
      rule: 'authorization[0].url',
    });
    service.respond = saying(true);
    expect(await opens(gatekeeper, token)).toMatchObject({ status: undefined });
    expect(service.arrived.some(({ path }) => path === '/allow')).toBe(false);
  });

  it('is down costs no wait and no charge once that is known, and is asked again once it is up', async () => {
    const limit = { by: 'user', limit: 1, window_size: 3600, burst: 4, paths: [], tiers: {} };
    const gatekeeper = gatekeeperWith({ rate_limits: [limit] });
    const token = await tokenWith({ sub: 'waiting' });
    const { port } = service;
    await service.stop();
    for (let upgrade = 0; upgrade < 20; upgrade += 1)
      expect(await opens(gatekeeper, token)).toMatchObject({ status: 503 });
    service = await new AuthorizationServer().start(port);
    let status: number | undefined = 503;
    while (status === 503) ({ status } = await opens(gatekeeper, token));
    expect(status).toBeUndefined();
    expect(service.arrived).toHaveLength(1);
  });

  it('is down is one that the metrics count, until it is up or its configuration goes', async () => {
    const openBreakers = async () => (await openAuthorizationBreakers.get()).values[0]?.value;
    const before = Number(await openBreakers());
    const gatekeeper = gatekeeperWith();
    const other = gatekeeperWith({ realm: 'another' });
    const token = await tokenWith();
    const { port } = service;
    await service.stop();
    for (const each of [gatekeeper, other])
      for (let upgrade = 0; upgrade < 5; upgrade += 1) await opens(each, token);
    expect(await openBreakers()).toBe(before + 2);
    other.close();
    expect(await openBreakers()).toBe(before + 1);
    service = await new AuthorizationServer().start(port);
    while ((await opens(gatekeeper, token)).status === 503);
    expect(await openBreakers()).toBe(before);
  });

  it('does not decide for the same reason is in the log once', async () => {
    const gatekeeper = gatekeeperWith();
    service.respond = saying(true, 500);
    for (let id = 0; id < 5; id += 1) await opens(gatekeeper, await tokenWith(), `/ws/bi/dashboards/${id}`);
    expect(service.arrived).toHaveLength(5);
    expect(lines.filter(({ level }) => Number(level) >= 40)).toHaveLength(1);
  });

  it('flaps admits those that it allowed, and no other', async () => {
    const gatekeeper = gatekeeperWith({}, {}, { timeout: SHORT_TIMEOUT_MS });
    const token = await tokenWith();
    const ways = BAD_ANSWERS.flatMap(([what, respond]) => [
      { what, respond, status: 503 },
      { what: 'allows', respond: saying(true), status: undefined },
      { what: 'refuses', respond: saying(false), status: 403 },
    ]);
    for (const [id, { what, respond, status }] of ways.entries()) {
      service.respond = respond;
      const told = await opens(gatekeeper, token, `/ws/bi/dashboards/${id}`);
      expect({ what, status: told.status }).toEqual({ what, status });
    }
  });

  it('answers for many at once in any way admits those that it allowed, and no other', async () => {
    const gatekeeper = gatekeeperWith({}, {}, { timeout: SHORT_TIMEOUT_MS });
    const token = await tokenWith();
    const allowed = new Set<string>();
    service.respond = (response, arrived) => {
      const { path, parameters } = arrived.body as { path: string; parameters: { id: string } };
      const bad = BAD_ANSWERS[Number(parameters.id) % (2 * BAD_ANSWERS.length)]?.[1];
      if (bad !== undefined) {
        bad(response, arrived);
        return;
      }
      allowed.add(path);
      saying(true)(response, arrived);
    };
    await Promise.all(
      Array.from({ length: 4 * BAD_ANSWERS.length }, async (_, id) => {
        const path = `/ws/bi/dashboards/${id}`;
        const { status } = await opens(gatekeeper, token, path);
        // One that it allowed may have come while it was not asked, or too late.
        expect(status === undefined ? allowed.has(path) : status === 503).toBe(true);
      }),
    );
  });
});
