import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attempt, Client, token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const FREE = { tier: 'free' };

let stack: Stack;
beforeAll(async () => {
  // kong.yml as it is shipped.
  stack = await startStack();
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** Opens the four panes of the demo page at once, each with a token of its own. */
async function openPage(tenant: string, user: string): Promise<readonly (Client | number)[]> {
  const panes = ['/ws/ai/chat', '/ws/bi/dashboards/sales', '/ws/notifications', '/ws/collaboration/notes'];
  return Promise.all(
    panes.map(async (path) => {
      const result = await attempt(stack, path, await token({ ...FREE, tenant_id: tenant, sub: user }));
      return result instanceof Client ? result : result.status;
    }),
  );
}

describe('the shipped limits', () => {
  it('let 50 users of a free tenant open the demo page within a minute, ten of them at once', async () => {
    const [users, atOnce, seconds] = [50, 10, 58];
    const pages = Array.from({ length: users }, async (_, user) => {
      await sleep((Math.max(0, user - atOnce + 1) * seconds * 1000) / (users - atOnce));
      return openPage('busy', `u${user}`);
    });
    const panes = (await Promise.all(pages)).flat();
    const clients = panes.filter((pane) => pane instanceof Client);
    expect(panes.filter((pane) => !(pane instanceof Client))).toEqual([]);
    expect(clients).toHaveLength(4 * users);
    for (const client of clients) client.cut();
  }, 120_000);

  it('charge a page once, and a client in a loop each time', async () => {
    const begunMs = performance.now();
    const page = await openPage('loop', 'ana');
    const bearer = await token({ ...FREE, tenant_id: 'loop', sub: 'ana' });
    // At once: one after the other could be slower than the limit gives back.
    const asked = Array.from({ length: 30 }, () => attempt(stack, '/ws/notifications', bearer));
    const loop = await Promise.all(asked);
    const seconds = (performance.now() - begunMs) / 1000;
    const admitted = loop.filter((result) => result instanceof Client);
    // Ten are left of the burst, and one more for each second that this took.
    expect(admitted.length).toBeGreaterThanOrEqual(10);
    expect(admitted.length).toBeLessThanOrEqual(10 + seconds);
    const refused = loop.flatMap((result) => (result instanceof Client ? [] : [result.status]));
    expect(new Set(refused)).toEqual(new Set([429]));
    for (const client of [...page, ...admitted]) if (client instanceof Client) client.cut();
  });
});
