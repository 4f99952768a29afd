import { pino } from 'pino';
import { Gatekeeper } from '../../plugin/gatekeeper';
import { Health, HEALTH_REMEMBERED_MS } from '../../plugin/health';
import { parseConfig } from '../../plugin/config/parse';
import type { StoreQuery } from '../../plugin/store/store';
import { rawConfig, signToken, upgradeHeaders } from './fixture';
import { tellOf } from './kong-request';

const HEALTH_PATH = '/ws/healthz';
/** A configuration that never needs Redis. */
const WITHOUT_REDIS = {
  rate_limits: [],
  revocation: { enabled: false, key_prefix: '', fault_tolerant: false },
};

interface Outcome {
  readonly status: number | undefined;
  readonly body: string | undefined;
  /** Whether it goes upstream. */
  readonly passed: boolean;
}

/** The gatekeeper's answer to one request. */
async function access(
  config: Record<string, unknown>,
  path: string,
  headers: Readonly<Record<string, string[]>> = { host: ['gateway'] },
): Promise<Outcome> {
  const raw = rawConfig({ health_path: HEALTH_PATH, ...config });
  const told = await tellOf(new Gatekeeper(raw, pino({ level: 'silent' })), { headers, path });
  return { status: told.status, body: told.body, passed: Object.keys(told.upstreamHeaders).length > 0 };
}

describe('a plain request at health_path', () => {
  it('is answered by the gatekeeper itself with 200, and never goes upstream', async () => {
    const { status, body, passed } = await access(WITHOUT_REDIS, HEALTH_PATH);
    expect({ status, passed }).toEqual({ status: 200, passed: false });
    expect(JSON.parse(body ?? '')).toEqual({ status: 'ok', ready: { configuration: true, redis: true } });
  });

  it('is not well when the configuration cannot be used', async () => {
    expect(await access({ algorithms: [] }, HEALTH_PATH)).toMatchObject({ status: 500, passed: false });
  });

  it('is no way around a token: an upgrade there is refused, and so is another path', async () => {
    expect(await access(WITHOUT_REDIS, HEALTH_PATH, upgradeHeaders())).toMatchObject({ status: 401 });
    expect(await access(WITHOUT_REDIS, `${HEALTH_PATH}/x`)).toMatchObject({ status: 426 });
    expect(await access({ ...WITHOUT_REDIS, health_path: null }, HEALTH_PATH)).toMatchObject({ status: 426 });
    const now = Math.floor(Date.now() / 1000);
    const token = await signToken({ iat: now, exp: now + 900 });
    expect(await access(WITHOUT_REDIS, HEALTH_PATH, upgradeHeaders(token))).toMatchObject({ passed: true });
  });
});

it('many checks ask Redis once a second, for the keys that upgrades use', async () => {
  const asked: StoreQuery[] = [];
  let nowMs = 0;
  let answers = true;
  const store = {
    ask: (query: StoreQuery) => {
      asked.push(query);
      return answers
        ? Promise.resolve({ admitted: true, states: [], revoked: false })
        : Promise.reject(new Error('away'));
    },
  };
  const raw = rawConfig({
    rate_limits: [{ by: 'tenant', limit: 1, window_size: 60, burst: 0, paths: [], tiers: {} }],
    revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: false },
  });
  const { config } = await parseConfig(raw);
  const health = new Health(store, config, () => nowMs);
  const statuses = async (): Promise<number[]> =>
    (await Promise.all([health.answer(), health.answer()])).map(({ status }) => status);
  expect(await statuses()).toEqual([200, 200]);
  answers = false;
  nowMs = HEALTH_REMEMBERED_MS - 1;
  expect(await statuses()).toEqual([200, 200]);
  nowMs = HEALTH_REMEMBERED_MS;
  expect(await statuses()).toEqual([503, 503]);
  expect(asked).toHaveLength(2);
  expect(asked[0]).toMatchObject({
    limits: [{ key: 'ws-gatekeeper:health' }],
    revocationKey: 'blacklist:health',
  });
});
