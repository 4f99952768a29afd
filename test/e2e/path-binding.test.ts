import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signAssertion } from '../../protocol/assertion';
import { importSecret } from '../../protocol/keys';
import { attempt, Client, open, refused, token } from './client';
import { SECRETS, type Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: { rate_limits: [] },
    detours: [
      { name: 'stripped', paths: ['/realtime'], stripPath: true, guarded: true },
      { name: 'stripped-regex', paths: ['~/v\\d+'], stripPath: true, guarded: true },
      { name: 'based', paths: ['/bi/dashboards/'], stripPath: false, servicePath: '/ws', guarded: true },
      { name: 'both', paths: ['/live'], stripPath: true, servicePath: '/ws/', guarded: true },
      { name: 'unbuffered', paths: ['/at-once'], stripPath: true, unbuffered: true, guarded: true },
      { name: 'forgotten', paths: ['/forgotten'], stripPath: true, guarded: false },
    ],
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

describe('an upgrade goes through with its assertion', () => {
  it.each([
    ['as it is', '/ws/bi/dashboards/d1'],
    ['as it is, with an escaped slash in it', '/ws/bi/dashboards/a%2fb'],
    ['as it is, with letters that must be escaped', '/ws/bi/dashboards/%c3%a4'],
    ['as it is, spelt by detours', '/x/..//ws/./bi/dashboards/%64%31'],
    ['without a prefix that its route strips', '/realtime/ws/bi/dashboards/d1'],
    ['without one that a regex strips', '/v12/ws/bi/dashboards/d1'],
    ['without a prefix, spelt by detours', '/realtime//ws/x/../bi/dashboards/%64%31'],
    ["behind its service's path", '/bi/dashboards/d1'],
    ["without a prefix and behind its service's path", '/live/bi/dashboards/a%2Fb'],
    ['without a prefix, unbuffered', '/at-once/ws/bi/dashboards/a%2Fb?x=1'],
    ['with a query', '/realtime/ws/bi/dashboards/d1?x=1&y=%2f'],
    ['with an empty query', '/ws/bi/dashboards/d1?'],
  ])('where Kong passes its path on %s', async (_, path) => {
    const client = await open(stack, path, await token());
    const id = /dashboards\/([^?]+)/.exec(path)?.[1] ?? '';
    const channel = `acme:dashboard:refresh:${encodeURIComponent(decodeURIComponent(id))}`;
    await stack.redis.publish(channel, 'for you');
    expect(await client.text()).toBe('for you');
    await client.close();
  });
});

/** The headers of a gatekeeper, with an assertion for a path. */
async function vouched(path: string): Promise<Record<string, string>> {
  const requestId = randomUUID();
  const identity = { tenantId: 'acme', userId: 'u1', roles: [] };
  const now = Date.now() / 1000;
  const caller = { identity, requestId, tokenJti: undefined, tokenExp: now + 900, path };
  const key = await importSecret(SECRETS.ASSERTION_SECRET, 'HS256');
  return {
    'X-Tenant-ID': 'acme',
    'X-User-ID': 'u1',
    'X-User-Roles': '',
    'X-Request-ID': requestId,
    'X-Gateway-Assertion': await signAssertion(caller, key, now, randomUUID()),
  };
}

describe('past a route that was left without the gatekeeper', () => {
  it('an assertion opens the route that it was issued for, and no other', async () => {
    const headers = await vouched('/ws/notifications');
    const elsewhere = await refused(stack, '/forgotten/ws/ai/chat', undefined, { headers });
    expect(elsewhere).toMatchObject({ status: 401, body: '{"message":"the assertion is for another path"}' });
    const there = await attempt(stack, '/forgotten/ws/notifications', undefined, { headers });
    expect(there).toBeInstanceOf(Client);
    if (there instanceof Client) await there.close();
  });
});
