import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { attempt, Client, token } from './client';
import { logged } from './logged';
import type { Stack } from './stack';
import { startStack } from './start-stack';

const onKong = process.env['GATEWAY'] === 'kong';
/** The stand-in runs no other plugin. */
const describeWhereOthersAre = onKong ? describe : describe.skip;
const KEY = 'the key of a partner';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: { rate_limits: [] },
    consumers: [{ username: 'partner', ...(onKong && { keyauth_credentials: [{ key: KEY }] }) }],
    routePlugins: { 'ai-chat': [{ name: 'key-auth', config: { key_names: ['apikey'] } }] },
    kongLog: true,
  });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** The headers about a consumer, as they went upstream. */
async function sentOn(path: string, headers: Readonly<Record<string, string>>): Promise<object> {
  const requestId = `request to ${path}`.replaceAll(/\W/g, '-');
  const result = await attempt(stack, path, await token(), {
    headers: { 'x-request-id': requestId, ...headers },
  });
  expect(result).toBeInstanceOf(Client);
  await (result as Client).close();
  const { request } = await logged(stack, requestId);
  return Object.fromEntries(Object.entries(request.headers).filter(([name]) => /^x.consumer/.test(name)));
}

describe('headers about a consumer, where the gatekeeper names none,', () => {
  it("are not the client's own", async () => {
    const forged = { 'x-consumer-id': 'forged', 'x-consumer-username': 'forged' };
    expect(await sentOn('/ws/notifications', forged)).toEqual({});
  });
});

describeWhereOthersAre(
  `where key-auth has authenticated one${onKong ? '' : ' (skipped: the stand-in has none)'},`,
  () => {
    it('are those of key-auth', async () => {
      const headers = { apikey: KEY, 'x-consumer-username': 'forged', 'x-consumer-custom-id': 'forged' };
      expect(await sentOn('/ws/ai/chat', headers)).toEqual({
        ...{ 'x-consumer-id': expect.any(String) as unknown, 'x-consumer-username': 'partner' },
      });
    });
  },
);
