import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { open, token } from './client';
import { upgradeStatus } from './raw-upgrade';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const ORIGIN = 'https://app.example.com';

let stack: Stack;
beforeAll(async () => {
  const limit = { limit: 1000, window_size: 60, burst: 1000 };
  stack = await startStack({
    config: {
      cookie_names: ['session'],
      uri_param_names: ['token'],
      allowed_origins: [ORIGIN],
      // So that everything that can be asked of the gateway is asked.
      rate_limits: [
        { by: 'ip', ...limit },
        { by: 'route', paths: ['/ws/'], ...limit },
        { by: 'user', ...limit },
      ],
    },
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** The status of an upgrade to a path with exactly these headers. */
function upgrade(path: string, headers: Record<string, string>): Promise<number> {
  return upgradeStatus(stack.url + path, headers);
}

describe('a token is taken', () => {
  it('from the subprotocols', async () => {
    expect(
      await upgrade('/ws/notifications', { 'Sec-WebSocket-Protocol': `x, bearer.${await token()}` }),
    ).toBe(101);
    expect(await upgrade('/ws/notifications', { 'Sec-WebSocket-Protocol': `bearer.${await token()}` })).toBe(
      101,
    );
  });

  it('from a cookie, with an allowed Origin alone', async () => {
    const Cookie = `a=1; session=${await token()}`;
    expect(await upgrade('/ws/notifications', { Cookie, Origin: ORIGIN })).toBe(101);
    expect(await upgrade('/ws/notifications', { Cookie, Origin: 'https://evil.example' })).toBe(403);
    expect(await upgrade('/ws/notifications', { Cookie })).toBe(403);
  });

  it('from the query, alone or among other parameters', async () => {
    expect(await upgrade(`/ws/notifications?token=${await token()}`, {})).toBe(101);
    expect(await upgrade(`/ws/ai/chat?token=${await token()}&session=q1`, {})).toBe(101);
  });

  it('and the rest of the query reaches the bridge', async () => {
    const bearer = await token();
    const client = await open(stack, `/ws/ai/chat?session=q2&token=${bearer}`, bearer);
    expect(await stack.redis.publish('ai:stream:q2', 'ok')).toBe(1);
    expect(await client.text()).toBe('ok');
    await client.close();
  });

  it('once: two different ones are refused', async () => {
    const Authorization = `Bearer ${await token()}`;
    expect(await upgrade(`/ws/notifications?token=${await token()}`, { Authorization })).toBe(401);
  });
});

it('a token in the query stands in no log of the bridge or the gatekeeper', async () => {
  await upgrade(`/ws/notifications?token=${await token()}`, {});
  expect(await stack.logs()).not.toMatch(/eyJ/);
});
