import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { decide } from '../../plugin/decision/decide';
import type { Admit, Reject } from '../../plugin/decision/verdict';
import { readyFor, type Ready } from '../../plugin/prepare';
import { closeStores } from '../../plugin/store/held-stores';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { UNABLE_TO_SAVE, WITHOUT_ROOM } from '../fakes/refused-writes';
import { NOW, rawConfig, signToken, upgradeHeaders } from './fixture';
import { ConfigError } from '../../plugin/schema/config-error';

/** So many upgrades of a tenant at once. */
const BURST = 3;
/** A noisy machine must not look like a Redis that is away. */
const TIMEOUT_MS = 10_000;

let server: RedisServer;
let admin: Redis;
let ready: Ready | undefined;

beforeAll(async () => {
  server = await startRedis((port) => ['--port', `${port}`, '--enable-protected-configs', 'yes']);
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

interface Line {
  readonly msg: string;
  readonly reason?: string;
}

async function gatekeeperOn(changes: Record<string, unknown>) {
  const lines: Line[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const raw = rawConfig({
    rate_limits: [{ by: 'tenant', limit: 1, window_size: 3600, burst: BURST - 1, paths: [], tiers: {} }],
    redis: { ...(rawConfig()['redis'] as object), url: server.url, timeout: TIMEOUT_MS },
    ...changes,
  });
  const made = await readyFor(raw, log);
  if (made instanceof ConfigError) throw made;
  ready = made;
  return {
    upgrade: async (claims: Record<string, unknown>): Promise<Admit | Reject> => {
      const headers = upgradeHeaders(await signToken(claims));
      return decide(
        { headers, upstreamPath: '/', path: '/', rawQuery: '', target: '/', ip: '::1', routeId: 'r1' },
        made.config,
        made.context,
        NOW,
      );
    },
    told: (msg: string) => lines.filter((line) => line.msg === msg).map(({ reason = '' }) => reason),
  };
}

describe.each([WITHOUT_ROOM, UNABLE_TO_SAVE])(
  'while Redis takes no writes ($kind)',
  ({ kind, begin, end }) => {
    afterEach(async () => {
      await end(admin);
      await admin.flushall();
      ready?.close();
      // Another configuration is not to find this one's.
      closeStores();
    });

    it('revoked tokens are refused, the limits hold in memory, and Redis counts again once there is room', async () => {
      await admin.set('blacklist:revoked', '1');
      const { upgrade, told } = await gatekeeperOn({ fault_tolerant: true });
      await begin(admin);
      expect(await upgrade({ jti: 'revoked' })).toMatchObject({ outcome: 'revoked', status: 401 });
      const outcomes: string[] = [];
      for (let count = 0; count < BURST + 1; count += 1)
        outcomes.push((await upgrade({ tenant_id: kind })).outcome);
      expect(outcomes).toEqual([...Array.from({ length: BURST }, () => 'admitted'), 'rate_limited']);
      expect(told('redis refuses')).toEqual([expect.stringMatching(new RegExp(`^${kind} `))]);
      expect(told('redis does not answer')).toEqual([]);
      await end(admin);
      expect(await upgrade({ tenant_id: kind })).toMatchObject({ outcome: 'admitted' });
      expect(await admin.keys(`ws-gatekeeper:rl:{${kind}}*`)).toHaveLength(1);
    });

    it('without fault_tolerant what cannot be counted is refused with 503, and a revoked token with 401', async () => {
      await admin.set('blacklist:revoked', '1');
      const { upgrade } = await gatekeeperOn({ fault_tolerant: false });
      await begin(admin);
      expect(await upgrade({ jti: 'revoked' })).toMatchObject({ status: 401 });
      expect(await upgrade({})).toMatchObject({
        status: 503,
        message: expect.stringContaining('The rate limit'),
      });
      await end(admin);
      expect(await upgrade({})).toMatchObject({ outcome: 'admitted' });
    });
  },
);
