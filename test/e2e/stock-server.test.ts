import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { open, refused, token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const forged = {
  'X-Tenant-ID': 'victim',
  'X-User-ID': 'root',
  'X-User-Roles': 'admin',
  'X-Request-ID': 'r',
  'X-Gateway-Assertion': 'forged',
};

// kong-js-pluginserver speaks MsgPack, with which Kong lets a request through when the server is gone.
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ pluginServer: 'kong-js-pluginserver', pluginServerTimeoutMs: 10_000 });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

it('the stock plugin server loads the same plugin: good tokens are admitted, bad ones refused', async () => {
  const client = await open(stack, '/ws/notifications', await token(), { headers: forged });
  await stack.redis.publish('acme:notifications', 'for you');
  expect(await client.text()).toBe('for you');
  await client.close();
  const { status, headers } = await refused(stack, '/ws/notifications');
  expect(status).toBe(401);
  expect(headers['www-authenticate']).toBe('Bearer realm="ws-gatekeeper"');
});

it('when it is dead the bridge refuses what Kong lets through', async () => {
  const bearer = await token();
  await stack.pluginServer.kill();
  const before = (await stack.bridgeUpgrades())['admitted'] ?? 0;
  for (let i = 0; i < 5; i += 1) {
    const { status } = await refused(stack, '/ws/notifications', bearer, { headers: forged });
    expect([401, 500]).toContain(status);
  }
  expect((await stack.bridgeUpgrades())['admitted'] ?? 0).toBe(before);
}, 120_000);
