import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attempt, open, token, type Client } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

const OFFERS = ['bridge.v1'];

/** The data of the control frame that comes next. */
async function control(client: Client, type: string): Promise<unknown> {
  const frame = JSON.parse(await client.text()) as { readonly type: string; readonly data: unknown };
  expect(frame.type).toBe(type);
  return frame.data;
}

describe('a page that was loaded again in the middle of an answer', () => {
  it('gets the whole answer, and a second tab does', async () => {
    const path = '/ws/ai/chat?session=oldest-1';
    const first = await open(stack, path, await token(), {}, OFFERS);
    await control(first, 'bridge.ready');
    const tokens = Array.from({ length: 2000 }, (_, index) =>
      JSON.stringify({ type: 'token', data: { token: `t${index}`, index } }),
    );
    for (const each of tokens) await stack.redis.publish('ai:stream:oldest-1', each);
    for (const each of tokens) expect(await first.text()).toBe(each);
    first.cut();
    for (let tab = 0; tab < 2; tab += 1) {
      const again = await open(stack, `${path}&resume=oldest`, await token(), {}, OFFERS);
      expect(await control(again, 'bridge.ready')).toMatchObject({ resumed: true, session: 'oldest-1' });
      for (const each of tokens) expect(await again.text()).toBe(each);
      await stack.redis.publish('ai:stream:oldest-1', 'live');
      expect(await again.text()).toBe('live');
      await again.close();
      tokens.push('live');
    }
  });

  it('is refused when the session is another user’s', async () => {
    await open(stack, '/ws/ai/chat?session=oldest-2', await token(), {}, OFFERS);
    const path = '/ws/ai/chat?session=oldest-2&resume=oldest';
    expect(await attempt(stack, path, await token({ sub: 'eve' }), {}, OFFERS)).toMatchObject({
      status: 403,
    });
  });
});
