import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { attempt, Client, token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const PATH = '/ws/notifications';
const SOCKETS = 11;

let stack: Stack;
beforeAll(async () => {
  // No room for another one while the test runs, and sockets need not live for long.
  const rateLimit = { by: 'tenant', limit: 1, window_size: 3600, burst: SOCKETS - 1 };
  stack = await startStack({
    config: { rate_limits: [rateLimit] },
    bridgeEnv: { BRIDGE_RETURN_AFTER_MS: '1' },
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

async function opened(bearer: string, tries: number): Promise<readonly Client[]> {
  const results = await Promise.all(Array.from({ length: tries }, () => attempt(stack, PATH, bearer)));
  return results.filter((result) => result instanceof Client);
}

it('lets all sockets of a tenant back that were cut, whatever its limit says, and not one more', async () => {
  const bearer = await token();
  const first = await opened(bearer, SOCKETS + 3);
  expect(first).toHaveLength(SOCKETS);
  for (const client of first) client.cut();
  const key = 'ws:return:{acme}:u1:%2Fws%2Fnotifications';
  const left = async (): Promise<number> =>
    (await stack.redis.lrange(key, 0, -1)).reduce((sum, entry) => sum + Number(entry.split(' ')[1]), 0);
  while ((await left()) < SOCKETS) await sleep(25);
  const again = await opened(bearer, SOCKETS + 3);
  expect(again).toHaveLength(SOCKETS);
  for (const client of again) await client.close();
  expect(await opened(bearer, 1)).toEqual([]);
});
