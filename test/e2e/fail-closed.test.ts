import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { open, refused, token } from './client';
import { startLoad } from './load';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const forged = {
  'X-Tenant-ID': 'victim',
  'X-User-ID': 'root',
  'X-User-Roles': 'admin',
  'X-Gateway-Assertion': 'forged',
};

const NO_KEY = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: { rate_limits: [] },
    routeConfigs: {
      'bi-dashboards': { issuers: ['another-issuer'] },
      // No schema can tell this fault: it looks like a key.
      collaboration: { public_keys: [{ key: NO_KEY }] },
    },
    // One test waits for it; to the others it is for a gatekeeper on a noisy machine.
    pluginServerTimeoutMs: 10_000,
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

describe('while the gatekeeper', () => {
  it('cannot decide, every upgrade of that route is refused and none reaches the bridge', async () => {
    const before = await stack.bridgeUpgrades();
    const { status, body } = await refused(stack, '/ws/collaboration/d1', await token(), { headers: forged });
    expect({ status, body }).toEqual({ status: 500, body: '{"message":"The gateway is misconfigured"}' });
    expect(await stack.bridgeUpgrades()).toEqual(before);
    expect(await stack.logs()).toContain('config.public_keys[0].key: expected a public key in PEM or JWK');
  });

  it('is dead, every upgrade is refused and none reaches the bridge', async () => {
    const bearer = await token();
    await (await open(stack, '/ws/notifications', bearer)).close();
    const before = await stack.bridgeUpgrades();
    await stack.pluginServer.kill();
    for (let i = 0; i < 20; i += 1) {
      const { status } = await refused(stack, '/ws/notifications', bearer, { headers: forged });
      expect(status).toBe(500);
    }
    expect(await stack.bridgeUpgrades()).toEqual(before);
    await stack.pluginServer.start();
    await (await open(stack, '/ws/notifications', bearer, { headers: forged })).close();
  }, 60_000);

  it('hangs, an upgrade is refused when the gateway gives up, and none reaches the bridge', async () => {
    const bearer = await token();
    await (await open(stack, '/ws/notifications', bearer)).close();
    const before = await stack.bridgeUpgrades();
    await stack.pluginServer.pause();
    try {
      const { status } = await refused(stack, '/ws/notifications', bearer, { headers: forged });
      expect(status).toBe(500);
      expect(await stack.bridgeUpgrades()).toEqual(before);
    } finally {
      await stack.pluginServer.resume();
    }
    await (await open(stack, '/ws/notifications', bearer)).close();
  }, 120_000);
});

/** Upgrades of every kind: good and bad tokens, on two routes with a configuration each. */
async function allLoads() {
  const ours = await token();
  const theirs = await token({ iss: 'another-issuer' });
  const loads = {
    good: startLoad(stack, '/ws/notifications', ours, 2),
    goodElsewhere: startLoad(stack, '/ws/bi/dashboards/d1', theirs, 2),
    bad: startLoad(stack, '/ws/notifications', theirs, 1),
    badElsewhere: startLoad(stack, '/ws/bi/dashboards/d1', ours, 1),
  };
  return {
    answered: (count: number) => Promise.all(Object.values(loads).map((load) => load.answered(count))),
    async stop() {
      const entries = Object.entries(loads).map(
        async ([name, load]) => [name, Object.keys(await load.stop())] as const,
      );
      return Object.fromEntries(await Promise.all(entries)) as Record<keyof typeof loads, string[]>;
    },
  };
}

/** How often the gatekeeper is restarted and the gateway reloaded under load; RESTARTS=20 for the long run. */
const RESTARTS = Number(process.env['RESTARTS'] ?? 3);

const eachByItsOwnConfiguration = {
  good: ['101'],
  goodElsewhere: ['101'],
  bad: ['401'],
  badElsewhere: ['401'],
};

describe('under load', () => {
  it('a restarted gatekeeper refuses no good upgrade, and each route is judged by its own configuration', async () => {
    const loads = await allLoads();
    for (let i = 0; i < RESTARTS; i += 1) {
      await loads.answered(20);
      await stack.pluginServer.restart();
    }
    await loads.answered(20);
    expect(await loads.stop()).toEqual(eachByItsOwnConfiguration);
  }, 600_000);

  it('a reload of the gateway refuses no good upgrade and admits no bad one, and open sockets live on', async () => {
    const client = await open(stack, '/ws/notifications', await token({ tenant_id: 'stays' }));
    const loads = await allLoads();
    for (let i = 0; i < RESTARTS; i += 1) {
      await loads.answered(20);
      await stack.reload();
    }
    await loads.answered(20);
    expect(await loads.stop()).toEqual(eachByItsOwnConfiguration);
    await stack.redis.publish('stays:notifications', 'still here');
    expect(await client.text()).toBe('still here');
    await client.close();
  }, 600_000);

  it('a killed gatekeeper admits nobody until another one is up', async () => {
    const loads = await allLoads();
    await loads.answered(20);
    await stack.pluginServer.kill();
    await loads.answered(20);
    await stack.pluginServer.start();
    await loads.answered(20);
    const { good, bad, badElsewhere } = await loads.stop();
    expect(good).toEqual(expect.arrayContaining(['101', '500']));
    for (const refusals of [bad, badElsewhere]) expect(refusals).not.toContain('101');
  }, 180_000);
});
