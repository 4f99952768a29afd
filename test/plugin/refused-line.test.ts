import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { ConfigError } from '../../plugin/config/config';
import { Configurations } from '../../plugin/configurations';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { readyFor, type Ready } from '../../plugin/readiness';
import { closeStores } from '../../plugin/store/held-stores';
import { memoryStore } from '../../plugin/store/memory-store';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf } from './kong-request';

afterEach(closeStores);

const PLACE = { route_id: 'a route', service_id: 'a service' };
const LIMIT = { by: 'tenant', paths: [], limit: 1, window_seconds: 60, burst: 0, tiers: {} };

/** A gatekeeper whose limits are kept in memory, and what it logs. */
function gatekeeper() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line) as never) });
  const inMemory = async (raw: unknown): Promise<Ready | ConfigError> => {
    const ready = await readyFor(raw, log);
    if (ready instanceof ConfigError) return ready;
    return { ...ready, context: { ...ready.context, store: memoryStore(() => 1) } };
  };
  const raw = { ...rawConfig({ rate_limits: [LIMIT] }), ...PLACE };
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
        tenant: 'acme',
        user: 'u1',
        limit: { by: 'tenant', paths: [], limit: 1 },
        route: PLACE.route_id,
        service: PLACE.service_id,
      },
    ]);
  });

  it('names nobody when no token was verified', async () => {
    const { lines, gatekeeper: asked } = gatekeeper();
    await tellOf(asked, { headers: upgradeHeaders('a.b.c') });
    const [line] = lines.filter(({ msg }) => msg === 'refused');
    expect(line).toMatchObject({ outcome: 'malformed_token', route: PLACE.route_id });
    expect(line).not.toHaveProperty('tenant');
  });
});
