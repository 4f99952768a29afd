import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { connectChat, type ChatClient } from '../../client/src/chat.ts';
import { httpFallback } from '../../client/src/http.ts';
import { UpgradeStripper } from '../fakes/upgrade-stripper';
import { token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
let proxy: UpgradeStripper;
let client: ChatClient;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
  proxy = await UpgradeStripper.start(stack.url);
}, 180_000);
afterAll(async () => {
  client.close();
  await proxy.stop();
  await stack.stop();
}, 60_000);

/** Resolves once this holds, which is asked with every frame and change of state. */
function reached(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (holds()) resolve();
    };
    client.on('frame', look);
    client.on('state', look);
    look();
  });
}

it('behind a proxy that blocks WebSockets the client goes on over HTTP, and over a WebSocket once they pass', async () => {
  const again = { webSocketAgainMs: 1000 };
  client = connectChat({
    ...{ url: proxy.url, path: '/ws/ai/chat', session: 'fallback', token: () => token() },
    ...{ WebSocket: httpFallback({ WebSocket, ...again }), backoffBaseMs: 50 },
  });
  const heard: number[] = [];
  client.on('frame', (frame) => {
    if (frame.type === 'token') heard.push(frame.data.index);
  });
  const gaps: unknown[] = [];
  client.on('gap', (gap) => gaps.push(gap));
  await reached(() => client.state === 'open');
  // One more for each second that this took.
  expect(proxy.stripped).toBeGreaterThanOrEqual(2);
  expect(proxy.passed).toBe(0);

  await client.send('message', { text: 'Revenue by region?' }, 'c1');
  const [[, fields]] = (await stack.redis.xrevrange('ai:commands', '+', '-', 'COUNT', 1)) as [
    [string, string[]],
  ];
  expect(fields).toEqual(expect.arrayContaining(['fallback', 'message', 'c1']));

  let published = 0;
  const publish = async (): Promise<void> => {
    const data = { token: 'a', index: published++ };
    await stack.redis.publish('ai:stream:fallback', JSON.stringify({ type: 'token', data }));
  };
  await publish();
  await reached(() => heard.length === 1);
  expect(proxy.passed).toBe(0);
  proxy.strips = false;
  const publishing = setInterval(() => void publish(), 20);
  await reached(() => proxy.passed > 0 && client.state === 'open');
  clearInterval(publishing);
  await publish();
  await reached(() => heard.length === published);
  expect([heard, gaps]).toEqual([Array.from({ length: published }, (_, i) => i), []]);
}, 60_000);
