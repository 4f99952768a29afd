import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { SignJWT } from 'jose';
import type { KongWorker } from '../fakes/kong-worker';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { goodClaims, rawConfig, signToken } from '../plugin/fixture';
import { GatekeeperProcess } from './gatekeeper-process';
import { until } from './until';

const HOUR_MS = 3_600_000;
const DAY_SECONDS = 86_400;
/** The timers of this gatekeeper are some seconds; this is for a noisy machine, and far from an hour. */
const SOON_MS = 30_000;
const TIMEOUT_MS = 90_000;
/** How long Redis or an issuer may take on a noisy machine. */
const PATIENCE_MS = 10_000;
/** After which a limit of one admits again. */
const WINDOW_SECONDS = 6;
const NO_LIMITS = { rate_limits: [] };
const NOT_REVOKED = { revocation: { enabled: false, key_prefix: '', fault_tolerant: false } };
const REVOCATION = { revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: false } };

/** The outcome of an upgrade: undefined when it goes on. */
type Status = number | undefined;

const limitBy = (by: string, more: object = {}): Record<string, unknown> => ({
  rate_limits: [{ by, limit: 1, window_size: WINDOW_SECONDS, burst: 0, paths: [], tiers: {}, ...more }],
});
const redisAt = (url: string): Record<string, unknown> => ({
  redis: { ...(rawConfig()['redis'] as object), url, timeout: PATIENCE_MS },
  decision_timeout: 2 * PATIENCE_MS,
});

/** Its token outlives every step, and was issued before any. */
function forADay(claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return signToken({ iat: now - DAY_SECONDS, exp: now + DAY_SECONDS, ...claims });
}

async function statusOf(kong: KongWorker, token: string): Promise<Status> {
  const { status } = await kong.upgrade({ upgrade: 'websocket', authorization: `Bearer ${token}` });
  return status;
}

const soon = (holds: () => boolean | Promise<boolean>): Promise<boolean> => until(holds, SOON_MS);

/** An issuer's key, as it publishes and as it uses it. */
function issuerKey(kid: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } };
}

function signedBy({
  kid,
  privateKey,
}: {
  readonly kid: string;
  readonly privateKey: KeyObject;
}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ ...goodClaims, iat: now - DAY_SECONDS, exp: now + DAY_SECONDS })
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(privateKey);
}

/** A jwks_uri that serves these keys, or hangs. */
class KeySet {
  jwks: readonly object[] = [];
  hangs = false;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (_, response) => {
      if (!this.hangs) response.end(JSON.stringify({ keys: this.jwks }));
    });
  }

  static async start(): Promise<KeySet> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new KeySet(server);
  }

  get settings(): Record<string, unknown> {
    const { port } = this.#server.address() as AddressInfo;
    const durations = { jwks_cache_seconds: 2, jwks_cooldown_seconds: 1, jwks_timeout: PATIENCE_MS };
    return {
      secret: null,
      algorithms: ['ES256'],
      jwks_uri: `http://127.0.0.1:${port}/`,
      ...durations,
      decision_timeout: 2 * PATIENCE_MS,
    };
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

jest.setTimeout(TIMEOUT_MS);

let redis: RedisServer;
let admin: Redis;
let keySet: KeySet;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  keySet = await KeySet.start();
});
afterAll(async () => {
  admin.disconnect();
  keySet.stop();
  await redis.stop();
});

describe.each([
  ['back', -HOUR_MS],
  ['on', HOUR_MS],
])("a gatekeeper's clock that is set an hour %s", (direction, stepMs) => {
  let gatekeeper: GatekeeperProcess;
  beforeAll(async () => {
    gatekeeper = await GatekeeperProcess.start(['--metrics-max-tenants', '1'], 0);
  });
  afterEach(async () => {
    keySet.hangs = false;
    await gatekeeper.setClock(0);
  });
  afterAll(async () => {
    await gatekeeper.stop();
  });

  const step = (): Promise<void> => gatekeeper.setClock(stepMs);

  /** Whether it stays so until its time is over, as far as this machine lets one see it, and ends then. */
  async function holdsForItsTime(status: () => Promise<Status>, held: Status, then: Status): Promise<void> {
    const begunMs = performance.now();
    await step();
    const after = await status();
    if (performance.now() - begunMs < (WINDOW_SECONDS * 1000) / 2) expect(after).toBe(held);
    expect(await soon(async () => (await status()) === then)).toBe(true);
  }

  // The first: the label is nobody's yet.
  it("leaves a tenant's refusals under its own label for an hour that passes", async () => {
    const kong = gatekeeper.worker({
      ...limitBy('tenant', { window_size: 3600 }),
      ...NOT_REVOKED,
      ...redisAt(redis.url),
    });
    const limited = async (tenant: string): Promise<void> => {
      const token = await forADay({ tenant_id: `${tenant}-${direction}` });
      await statusOf(kong, token);
      expect(await statusOf(kong, token)).toBe(429);
    };
    const count = (tenant: string): Promise<number | undefined> =>
      gatekeeper.sample(`ws_gatekeeper_limited_total{tenant="${tenant}"}`);
    await limited('a');
    const [labelled, others] = [await count(`a-${direction}`), await count('other')];
    await step();
    await limited('b');
    expect([await count(`a-${direction}`), await count('other')]).toEqual([labelled, (others ?? 0) + 1]);
  });

  it('judges a token that it remembers by the clock', async () => {
    const kong = gatekeeper.worker({ ...NO_LIMITS, ...NOT_REVOKED });
    const exp = Math.floor(Date.now() / 1000) + (direction === 'on' ? 600 : -600);
    const token = await forADay({ exp });
    const [right, stepped] = direction === 'on' ? [undefined, 401] : [401, undefined];
    expect(await statusOf(kong, token)).toBe(right);
    await step();
    expect(await statusOf(kong, token)).toBe(stepped);
    await gatekeeper.setClock(0);
    expect(await statusOf(kong, token)).toBe(right);
  });

  it('refuses a token that is revoked, then or when it is right again', async () => {
    const kong = gatekeeper.worker({ ...NO_LIMITS, ...REVOCATION, ...redisAt(redis.url) });
    const [jti, other] = [`jti-${direction}`, `other-${direction}`];
    const [token, good] = [await forADay({ jti }), await forADay({ jti: other })];
    expect(await statusOf(kong, token)).toBeUndefined();
    await step();
    await admin.set(`blacklist:${jti}`, '1');
    expect(await statusOf(kong, token)).toBe(401);
    expect(await statusOf(kong, good)).toBeUndefined();
    await gatekeeper.setClock(0);
    expect(await statusOf(kong, token)).toBe(401);
  });

  it("fetches the issuer's keys when it is time: a new one serves, a withdrawn one does not, remembered or not", async () => {
    const [first, second] = [issuerKey('first'), issuerKey('second')];
    const kong = gatekeeper.worker({ ...NO_LIMITS, ...NOT_REVOKED, ...keySet.settings });
    const [old, young] = [await signedBy(first), await signedBy(second)];
    keySet.jwks = [first.jwk];
    expect(await statusOf(kong, old)).toBeUndefined();
    expect(await statusOf(kong, young)).toBe(401);
    await step();
    keySet.jwks = [first.jwk, second.jwk];
    expect(await soon(async () => (await statusOf(kong, young)) === undefined)).toBe(true);
    keySet.jwks = [second.jwk];
    await gatekeeper.setClock(0);
    expect(await soon(async () => (await statusOf(kong, old)) === 401)).toBe(true);
    await step();
    keySet.jwks = [];
    expect(await soon(async () => (await statusOf(kong, young)) === 401)).toBe(true);
  });

  it('answers in time while the keys hang, and admits when they come', async () => {
    const key = issuerKey('slow');
    const changes = { ...keySet.settings, jwks_timeout: 2000, decision_timeout: 500 };
    const kong = gatekeeper.worker({ ...NO_LIMITS, ...NOT_REVOKED, ...changes });
    const token = await signedBy(key);
    keySet.jwks = [key.jwk];
    keySet.hangs = true;
    const answer = statusOf(kong, token);
    await step();
    expect(await within(answer)).toBe(503);
    keySet.hangs = false;
    expect(await soon(async () => (await statusOf(kong, token)) === undefined)).toBe(true);
  });

  it('counts in memory as long as the window lasts while Redis is away', async () => {
    const away = { ...redisAt('redis://127.0.0.1:1'), fault_tolerant: true };
    const kong = gatekeeper.worker({ ...limitBy('tenant'), ...NOT_REVOKED, ...away });
    const token = await forADay();
    expect(await statusOf(kong, token)).toBeUndefined();
    expect(await statusOf(kong, token)).toBe(429);
    await holdsForItsTime(() => statusOf(kong, token), 429, undefined);
  });

  it('remembers the refused upgrades of an address as long as the window lasts', async () => {
    const kong = gatekeeper.worker({ ...limitBy('ip', { counts: 'refused' }), ...NOT_REVOKED });
    const bad = await signToken({}, 'another secret that is long enough, too');
    expect(await statusOf(kong, bad)).toBe(401);
    expect(await statusOf(kong, bad)).toBe(429);
    await holdsForItsTime(() => statusOf(kong, bad), 429, 401);
  });

  it('asks a Redis that was away again, and tells balancers what is true', async () => {
    const server = await startRedis();
    // KongWorker asks on this path alone.
    const health = { health_path: '/ws/ai/chat' };
    const kong = gatekeeper.worker({
      ...limitBy('tenant', { limit: 1000 }),
      ...REVOCATION,
      ...redisAt(server.url),
      ...health,
    });
    const token = await forADay();
    const healthy = async (): Promise<Status> => (await kong.upgrade({ host: 'gateway' })).status;
    expect([await statusOf(kong, token), await healthy()]).toEqual([undefined, 200]);
    const since = gatekeeper.warnings.length;
    await server.stop();
    const isOpen = async (): Promise<boolean> => {
      await statusOf(kong, token);
      return gatekeeper.told('redis does not answer', since).length > 0;
    };
    expect(await soon(isOpen)).toBe(true);
    await step();
    expect(await soon(async () => (await healthy()) === 503)).toBe(true);
    await server.restart();
    expect(await soon(async () => (await statusOf(kong, token)) === undefined)).toBe(true);
    expect(await soon(async () => (await healthy()) === 200)).toBe(true);
    await server.stop();
  });

  it('ends in its time when it is told to', async () => {
    const kong = gatekeeper.worker({ ...NO_LIMITS, ...NOT_REVOKED });
    await statusOf(kong, await forADay());
    gatekeeper.signal('SIGTERM');
    await step();
    expect(await within(gatekeeper.ended)).toBe(0);
  });
});

/** The promise's value; rejects when it takes longer than some seconds. */
async function within<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  void promise.finally(() => (settled = true)).catch(() => undefined);
  if (!(await soon(() => settled))) throw new Error(`not within ${SOON_MS} ms`);
  return promise;
}
