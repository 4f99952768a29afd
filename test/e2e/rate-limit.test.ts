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
  const begunMs = performance.now();
  const results = await Promise.all(
    Array.from({ length: 60 }, () => attempt(stack, '/ws/notifications', bearer)),
  );
  const seconds = (performance.now() - begunMs) / 1000;
  const admitted = results.filter((result) => result instanceof Client);
  // 10 ahead of the rate and one; one more for each second that this took.
  expect(admitted.length).toBeGreaterThanOrEqual(11);
  expect(admitted.length).toBeLessThanOrEqual(11 + seconds);
  const last = results.find((result) => !(result instanceof Client));
  expect(last).toMatchObject({
    status: 429,
    headers: { 'ratelimit-limit': '60', 'ratelimit-remaining': '0' },
    body: expect.stringContaining('Too many connections') as unknown,
  });
  const other = await attempt(stack, '/ws/notifications', await token({ tenant_id: 'other' }));
  expect(other).toBeInstanceOf(Client);
  const retryAfter = Number((last as { headers: Record<string, string> }).headers['retry-after']);
  expect(retryAfter).toBeGreaterThanOrEqual(1);
  for (const client of [...admitted, other]) await (client as Client).close();
});
