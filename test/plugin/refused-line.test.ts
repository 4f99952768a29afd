import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Configurations } from '../../plugin/configurations';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { readyFor, type Ready } from '../../plugin/prepare';
import { closeStores } from '../../plugin/store/held-stores';
import { memoryStore } from '../../plugin/store/memory-store';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { KONG_REQUEST_ID, kongOf, tellOf } from './kong-request';
import { ConfigError } from '../../plugin/schema/config-error';

afterEach(closeStores);

const PLACE = { route_id: 'a route', service_id: 'a service' };
const LIMIT = { by: 'tenant', paths: [], limit: 1, window_size: 60, burst: 0, tiers: {} };

/** A gatekeeper whose limits are kept in memory, and what it logs. */
function gatekeeper(place: Record<string, unknown> = PLACE) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as never) });
  const inMemory = async (raw: unknown): Promise<Ready | ConfigError> => {
    const ready = await readyFor(raw, log);
    if (ready instanceof ConfigError) return ready;
    return { ...ready, context: { ...ready.context, store: memoryStore(() => 1) } };
  };
  const raw = { ...rawConfig({ rate_limits: [LIMIT] }), ...place };
  return { lines, gatekeeper: new Gatekeeper(raw, log, new Configurations(inMemory)) };
}

async function headers() {
  const now = Math.floor(Date.now() / 1000);
  return upgradeHeaders(await signToken({ iat: now, exp: now + 900 }));
}

describe('the log line of a refused upgrade', () => {
  it('says whom it is, by which limit, on which route and service', async () => {
    const { lines, gatekeeper: asked } = gatekeeper();
    for (let count = 0; count < 2; count += 1) await tellOf(asked, { headers: await headers() });
    expect(lines.filter(({ msg }) => msg === 'refused')).toMatchObject([
      {
        msg: 'refused',
        outcome: 'rate_limited',
        kongRequestId: KONG_REQUEST_ID,
        tenant: 'acme',
        user: 'u1',
        limit: { by: 'tenant', paths: [], limit: 1 },
        route: PLACE.route_id,
        service: PLACE.service_id,
      },
    ]);
  });

  it('names the route and the service that Kong matched, wherever the plugin is configured', async () => {
    const { lines, gatekeeper: asked } = gatekeeper({ route_id: null, service_id: null });
    const { kong } = kongOf({ headers: upgradeHeaders('a.b.c') });
    const route = { id: 'route id', name: 'notifications', service: { id: 'service id' } };
    await asked.access({ ...kong, router: { getRoute: () => Promise.resolve(route) } });
    expect(lines.filter(({ msg }) => msg === 'refused')).toMatchObject([
      { route: 'route id', routeName: 'notifications', service: 'service id' },
    ]);
  });

  it('names nobody when no token was verified', async () => {
    const { lines, gatekeeper: asked } = gatekeeper();
    await tellOf(asked, { headers: upgradeHeaders('a.b.c') });
    const [line] = lines.filter(({ msg }) => msg === 'refused');
    expect(line).toMatchObject({ outcome: 'malformed_token', route: PLACE.route_id });
    expect(line).not.toHaveProperty('tenant');
  });

  it.each([
    ['has none, as before 3.5', () => Promise.resolve('')],
    ['says nothing of it, as over MsgPack', () => Promise.resolve(null)],
    ['is gone by then', () => Promise.reject(new Error('Kong closed the connection'))],
  ])("is written without Kong's id and names where Kong %s", async (_, getVar) => {
    const { lines, gatekeeper: asked } = gatekeeper();
    const { kong, told } = kongOf({ headers: upgradeHeaders('a.b.c') });
    const getRoute = () => Promise.reject(new Error('Kong closed the connection'));
    const nginx = {
      getVar: (name: string) => (name === 'upstream_uri' ? kong.nginx.getVar(name) : getVar()),
    };
    await asked.access({ ...kong, nginx, router: { getRoute } });
    expect(told.status).toBe(401);
    const [line] = lines.filter(({ msg }) => msg === 'refused');
    expect(line).toMatchObject({ outcome: 'malformed_token', status: 401, route: PLACE.route_id });
    expect(line).not.toHaveProperty('kongRequestId');
  });
});
