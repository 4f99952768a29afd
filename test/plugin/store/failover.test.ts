import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { decide } from '../../../plugin/decision/decide';
import { readyFor, type Ready } from '../../../plugin/prepare';
import { closeStores } from '../../../plugin/store/held-stores';
import { startRedisCluster, type RedisCluster } from '../../fakes/redis-cluster';
import { startSentinels, type SentinelSetup } from '../../fakes/redis-sentinel';
import { NOW, rawConfig, signToken, upgradeHeaders } from '../fixture';
import { ConfigError } from '../../../plugin/schema/config-error';

/** How long after a master failed everybody must be admitted again, in milliseconds. */
const BACK_WITHIN_MS = 30_000;
/** Tenants whose keys, and those of their tokens, are spread over all masters. */
const TENANTS = Array.from({ length: 12 }, (_, number) => `t${number}`);
const FEW = '/few';

jest.setTimeout(90_000);

/** How long Redis has in these tests: short for a hung master, long for a noisy machine. */
const TIMEOUT_MS = 4000;

/** Between two upgrades of a tenant, in milliseconds. */
const PAUSE_MS = 20;

/** Upgrades of each tenant, one after the other, and what came of them. */
class Upgrades {
  readonly statuses = new Map<string, number[]>(TENANTS.map((tenant) => [tenant, []]));
  readonly #stopping = new AbortController();
  readonly #running: Promise<unknown>;

  constructor(ready: Ready) {
    this.#running = Promise.all(TENANTS.map((tenant) => this.#ask(ready, tenant)));
  }

  async #ask({ config, context }: Ready, tenant: string): Promise<void> {
    const token = await signToken({ tenant_id: tenant, jti: `jti-${tenant}` });
    const request = { headers: upgradeHeaders(token), rawQuery: '', ip: '192.0.2.1', routeId: 'r1' };
    for (let count = 0; !this.#stopping.signal.aborted; count += 1) {
      const path = count % 5 === 4 ? FEW : '/ws';
      const verdict = await decide({ ...request, path, upstreamPath: path }, config, context, NOW);
      this.statuses.get(tenant)?.push(verdict.outcome === 'admitted' ? 101 : verdict.status);
      await sleep(PAUSE_MS);
    }
  }

  /** Everything that these tenants were told, once each. */
  outcomesOf(tenants: readonly string[]): readonly number[] {
    return [...new Set(tenants.flatMap((tenant) => this.statuses.get(tenant) ?? []))].sort();
  }

  /** Resolves once each tenant was told several times again, and 503 no more. */
  async back(tenants: readonly string[]): Promise<void> {
    const before = new Map(tenants.map((tenant) => [tenant, this.statuses.get(tenant)?.length ?? 0]));
    const isBack = (tenant: string): boolean => {
      const all = this.statuses.get(tenant) ?? [];
      return all.length > (before.get(tenant) ?? 0) + 10 && !all.slice(-10).includes(503);
    };
    while (!tenants.every(isBack)) await sleep(5);
  }

  /** Resolves once this tenant was refused because Redis could not be asked. */
  async lost(tenant: string): Promise<void> {
    while (!this.statuses.get(tenant)?.includes(503)) await sleep(5);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}

async function gatekeeperOn(url: string): Promise<Ready> {
  const limit = { by: 'tenant', window_size: 3600, tiers: {} };
  const raw = rawConfig({
    rate_limits: [
      { ...limit, limit: 1_000_000, burst: 1_000_000, paths: [] },
      { ...limit, limit: 1, burst: 2, paths: [FEW] },
    ],
    fault_tolerant: false,
    revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: false },
    redis: { ...(rawConfig()['redis'] as object), url, timeout: TIMEOUT_MS },
  });
  const ready = await readyFor(raw, pino({ level: 'silent' }));
  if (ready instanceof ConfigError) throw ready;
  return ready;
}

/** Prints how long it took and holds it against the bound. */
async function expectBack(tenants: readonly string[], upgrades: Upgrades, what: string, startedAt: number) {
  await upgrades.back(tenants);
  const tookMs = Date.now() - startedAt;
  process.stdout.write(`everybody is admitted again ${tookMs} ms after ${what}\n`);
  expect(tookMs).toBeLessThan(BACK_WITHIN_MS);
}

afterEach(() => {
  closeStores();
});

describe('a gatekeeper on a cluster, asked all the time', () => {
  let cluster: RedisCluster;
  let upgrades: Upgrades;
  beforeAll(async () => {
    // By default a cluster serves nothing while any of its slots is not served.
    cluster = await startRedisCluster({
      args: (port) => ['--port', `${port}`, '--cluster-require-full-coverage', 'no'],
    });
  }, 60_000);
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    upgrades = new Upgrades(await gatekeeperOn(cluster.url));
    await upgrades.back(TENANTS);
  });
  afterEach(async () => {
    await upgrades.stop();
    for (const node of cluster.nodes) await node.start();
    await cluster.settled();
  });

  /** Tenants of whom the master of `t0` knows the limits or the token, and the others. */
  async function tenantsOfVictim() {
    const victim = await cluster.ownerOf('{t0}');
    const isOn = async (tenant: string) =>
      [await cluster.ownerOf(`{${tenant}}`), await cluster.ownerOf(`blacklist:jti-${tenant}`)].includes(
        victim,
      );
    const on = new Map(
      await Promise.all(TENANTS.map(async (tenant) => [tenant, await isOn(tenant)] as const)),
    );
    const kept = TENANTS.filter((tenant) => !on.get(tenant));
    expect(kept.length).toBeGreaterThan(0);
    return { victim, kept };
  }

  it('refuses with 503 what a dead master knows, nothing of the others, and soon nobody', async () => {
    const { victim, kept } = await tenantsOfVictim();
    const killedAt = Date.now();
    await victim.kill();
    await upgrades.lost('t0');
    await expectBack(TENANTS, upgrades, 'kill -9 of a master', killedAt);
    await upgrades.stop();
    expect(upgrades.outcomesOf(TENANTS)).toEqual([101, 429, 503]);
    expect(upgrades.outcomesOf(kept)).toEqual([101, 429]);
  });

  it('refuses with 503 what a hung master knows, nothing of the others, and soon nobody', async () => {
    const { victim, kept } = await tenantsOfVictim();
    const hungAt = Date.now();
    process.kill(victim.pid, 'SIGSTOP');
    try {
      await upgrades.lost('t0');
      await expectBack(TENANTS, upgrades, 'SIGSTOP of a master', hungAt);
    } finally {
      process.kill(victim.pid, 'SIGCONT');
    }
    await upgrades.back(TENANTS);
    await upgrades.stop();
    expect(upgrades.outcomesOf(TENANTS)).toEqual([101, 429, 503]);
    expect(upgrades.outcomesOf(kept)).toEqual([101, 429]);
  });

  it('follows a slot to another master and refuses nobody', async () => {
    const from = await cluster.ownerOf('{t0}');
    const owners = await Promise.all(TENANTS.map((tenant) => cluster.ownerOf(`{${tenant}}`)));
    const other = owners.find((owner) => owner !== from) ?? from;
    expect(other).not.toBe(from);
    for (const to of [other, from]) {
      await cluster.moveSlot('{t0}', to);
      await upgrades.back(TENANTS);
    }
    await upgrades.stop();
    expect(upgrades.outcomesOf(TENANTS)).toEqual([101, 429]);
  });
});

describe('a gatekeeper on sentinels, asked all the time', () => {
  let setup: SentinelSetup;
  let upgrades: Upgrades;
  beforeEach(async () => {
    setup = await startSentinels();
    upgrades = new Upgrades(await gatekeeperOn(setup.url));
    await upgrades.back(TENANTS);
  }, 60_000);
  afterEach(async () => {
    await upgrades.stop();
    await setup.stop();
  });

  async function expectTheNewMasterAsked(before: unknown): Promise<void> {
    expect(await setup.master()).not.toBe(before);
    await upgrades.stop();
    expect(upgrades.outcomesOf(TENANTS)).toEqual([101, 429, 503]);
    await setup.client.set('blacklist:jti-t0', '1');
    upgrades = new Upgrades(await gatekeeperOn(setup.url));
    while (!upgrades.outcomesOf(['t0']).includes(401)) await sleep(5);
  }

  it('refuses with 503 while the master is dead, and soon asks the new one', async () => {
    const victim = await setup.master();
    const killedAt = Date.now();
    await victim.stop();
    await upgrades.lost('t0');
    await expectBack(TENANTS, upgrades, 'kill -9 of the master', killedAt);
    await expectTheNewMasterAsked(victim);
  });

  it('refuses with 503 while the master hangs, and soon asks the new one, also when the old one comes back', async () => {
    const victim = await setup.master();
    const hungAt = Date.now();
    process.kill(victim.pid, 'SIGSTOP');
    try {
      await upgrades.lost('t0');
      await expectBack(TENANTS, upgrades, 'SIGSTOP of the master', hungAt);
    } finally {
      process.kill(victim.pid, 'SIGCONT');
    }
    await upgrades.back(TENANTS);
    await expectTheNewMasterAsked(victim);
  });
});
