import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { connectChat } from '../../client/src/chat';
import { Client, attempt, open, refused, token } from './client';
import { ROOT, type Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ example: 'matih' });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

interface Payload extends Record<string, unknown> {
  readonly iat: number;
  readonly exp: number;
}

/** A token of the example, issued now, with changes. */
function exampleToken(name: string, changes: Record<string, unknown> = {}): Promise<string> {
  const file = join(ROOT, `examples/matih/tokens/${name}.json`);
  const payload = JSON.parse(readFileSync(file, 'utf8')) as Payload;
  const now = Math.floor(Date.now() / 1000);
  const absent = Object.fromEntries(['aud', 'type', 'sub'].map((claim) => [claim, undefined]));
  const times = { iat: now, exp: now + payload.exp - payload.iat, jti: randomUUID() };
  return token({ ...absent, ...payload, ...times, ...changes });
}

describe('an access token', () => {
  it('without aud is admitted, and named by its sub', async () => {
    const client = await open(stack, '/ws/notifications', await exampleToken('access-without-aud'));
    await stack.redis.publish('acme-corp:notifications:user-123', 'to user-123');
    expect(await client.text()).toBe('to user-123');
    await client.close();
  });

  it('without type is admitted, and named by its user_id, with or without a sub', async () => {
    const clients = [
      await open(stack, '/ws/notifications', await exampleToken('access-without-type')),
      await open(stack, '/ws/notifications', await exampleToken('access-without-type', { sub: undefined })),
    ];
    await stack.redis.publish('7:notifications:42', 'to 42');
    for (const client of clients) {
      expect(await client.text()).toBe('to 42');
      await client.close();
    }
  });

  it.each([
    ['access-without-aud', { aud: 'another-api' }, 'audience'],
    ['access-without-aud', { aud: null }, 'audience'],
    ['access-without-type', { type: 'refresh' }, 'type'],
    ['access-without-type', { type: null }, 'type'],
    ['access-without-type', { iss: undefined }, 'issuer'],
  ])('%s with %j is refused: what is there is checked', async (name, changes, noun) => {
    const { status, body } = await refused(stack, '/ws/notifications', await exampleToken(name, changes));
    expect(status).toBe(401);
    expect(body).toContain(noun);
  });

  it('that lives longer than any access token does is refused, whatever it says', async () => {
    const exp = Math.floor(Date.now() / 1000) + 7 * 86_400;
    const bearer = await exampleToken('access-without-type', { exp });
    expect(await refused(stack, '/ws/notifications', bearer)).toMatchObject({ status: 401 });
  });
});

it.each(['refused-refresh', 'refused-service', 'refused-api-key'])(
  'the token of %s.json is refused for its type',
  async (name) => {
    const { status, body } = await refused(stack, '/ws/notifications', await exampleToken(name));
    expect({ status, body: JSON.parse(body) as unknown }).toEqual({
      status: 401,
      body: { message: "The token's type is not accepted" },
    });
  },
);

it('an API key that is no JWT is refused', async () => {
  const key = 'mk_live_a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6';
  expect(await refused(stack, '/ws/notifications', key)).toMatchObject({ status: 401 });
});

describe('a tenant’s tier in Redis', () => {
  it('chooses its figures at the next upgrade, and a 429 says when in Unix time', async () => {
    const bearer = await exampleToken('access-without-aud', { tenant_id: 'tiered' });
    const burst = async (count: number) =>
      Promise.all(Array.from({ length: count }, () => attempt(stack, '/ws/notifications', bearer)));
    // More than the limit gives back while they are answered.
    const free = await burst(40);
    const limited = free.find((result) => !(result instanceof Client));
    expect(limited).toMatchObject({ status: 429, headers: { 'ratelimit-limit': '60' } });
    const { headers } = limited as { headers: Record<string, string> };
    const aheadSeconds = Number(headers['x-ratelimit-reset']) - Date.now() / 1000;
    expect(aheadSeconds).toBeGreaterThan(-60);
    expect(aheadSeconds).toBeLessThan(120);
    expect(Number(headers['ratelimit-reset'])).toBeLessThan(120);

    await stack.redis.set('tier:tiered', 'enterprise');
    const enterprise = await burst(16);
    expect(enterprise.every((result) => result instanceof Client)).toBe(true);
    for (const client of [...free, ...enterprise]) if (client instanceof Client) await client.close();
  });
});

it('a dashboard’s frame reaches the users of its id, of any tenant', async () => {
  const clients = [
    await open(stack, '/ws/bi/dashboards/d1', await exampleToken('access-without-aud')),
    await open(stack, '/ws/bi/dashboards/d1', await exampleToken('access-without-type')),
  ];
  await stack.redis.publish('dashboard:refresh:d1', '{"widget":1}');
  for (const client of clients) {
    expect(await client.text()).toBe('{"widget":1}');
    await client.close();
  }
});

it('an answer ends with {"done": true}', async () => {
  const client = connectChat({
    url: stack.url,
    path: '/ws/ai/chat',
    token: () => exampleToken('access-without-type'),
    WebSocket,
    isEnd: ({ done }) => done === true,
    tokenOf: (frame) => (typeof frame['token'] === 'string' ? frame['token'] : undefined),
  });
  const serve = async (): Promise<void> => {
    const reply = await stack.redis.xread('BLOCK', 10_000, 'STREAMS', 'ai:commands', '0');
    const [, entries] = reply?.[0] ?? [];
    const fields = entries?.[0]?.[1] ?? [];
    const session = fields[fields.indexOf('session') + 1] ?? '';
    for (const frame of [
      { token: 'Revenue', index: 0 },
      { token: ' was', index: 1 },
      { done: true, sql: 'SELECT 1' },
    ])
      await stack.redis.publish(`ai:stream:${session}`, JSON.stringify(frame));
  };
  const served = serve();
  const answer = client.ask('message', { text: 'revenue?' });
  const tokens: string[] = [];
  let next = await answer.next();
  for (; next.done !== true; next = await answer.next()) tokens.push(next.value);
  expect([tokens, next.value]).toEqual([['Revenue', ' was'], { done: true, sql: 'SELECT 1' }]);
  await served;
  client.close();
});
