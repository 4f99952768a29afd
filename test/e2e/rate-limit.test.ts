import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { attempt, Client, token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

it('limits a tenant to its rate and tells when to come back, and no other tenant with it', async () => {
  const bearer = await token();
  const results = await Promise.all(
    Array.from({ length: 15 }, () => attempt(stack, '/ws/notifications', bearer)),
  );
  const admitted = results.filter((result) => result instanceof Client);
  // 10 ahead of the rate and one; one more for each second that this took, of which there are few.
  expect(admitted.length).toBeGreaterThanOrEqual(11);
  expect(admitted.length).toBeLessThan(15);
  const last = results.find((result) => !(result instanceof Client));
  expect(last).toMatchObject({
    status: 429,
    headers: { 'ratelimit-limit': '60', 'ratelimit-remaining': '0' },
    body: expect.stringContaining('Too many connections') as unknown,
  });
  const other = await attempt(stack, '/ws/notifications', await token({ tenant_id: 'other' }));
  expect(other).toBeInstanceOf(Client);
  const seconds = Number((last as { headers: Record<string, string> }).headers['retry-after']);
  expect(seconds).toBeGreaterThanOrEqual(1);
  for (const client of [...admitted, other]) await (client as Client).close();
});
