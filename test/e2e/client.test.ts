import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { connectChat } from '../../client/src/chat';
import type { BridgeClient } from '../../client/src/index';
import { token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** The client as shipped, over sockets that the test can cut. */
function connectClient(path: string, claims: Record<string, unknown> = {}) {
  const sockets: WebSocket[] = [];
  class CuttableSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const client = connectChat({
    url: stack.url,
    path,
    token: () => token(claims),
    WebSocket: CuttableSocket,
    backoffBaseMs: 50,
  });
  return { client, cut: () => sockets.at(-1)?.terminate(), connections: () => sockets.length };
}

const opened = async (client: BridgeClient): Promise<void> => {
  if (client.state === 'open') return;
  await new Promise<void>((resolve) => {
    const stop = client.on('state', (state) => {
      if (state !== 'open') return;
      stop();
      resolve();
    });
  });
};

describe('the client through the gateway', () => {
  it('asks a question and reads the tokens of its answer', async () => {
    const { client } = connectClient('/ws/ai/chat');
    const serve = async (): Promise<void> => {
      const reply = await stack.redis.xread('BLOCK', 10_000, 'STREAMS', 'ai:commands', '0');
      const fields = reply?.[0]?.[1].at(-1)?.[1] ?? [];
      const stream = `ai:stream:${fields[fields.indexOf('session') + 1] ?? ''}`;
      for (const [index, text] of ['Revenue', ' was', ' $2.4M'].entries()) {
        await stack.redis.publish(stream, JSON.stringify({ type: 'token', data: { token: text, index } }));
      }
      await stack.redis.publish(stream, '{"type":"complete","data":{}}');
    };
    const served = serve();
    const tokens: string[] = [];
    for await (const part of client.ask('message', { text: 'How was revenue?' })) tokens.push(part);
    await served;
    expect(tokens.join('')).toBe('Revenue was $2.4M');
    client.close();
  });

  it('is cut again and again and misses nothing, gets nothing twice and nothing out of order', async () => {
    const { client, cut, connections } = connectClient('/ws/bi/dashboards/resume', { tenant_id: 'resume' });
    const got: number[] = [];
    const gaps: unknown[] = [];
    const COUNT = 600;
    const all = new Promise<void>((resolve) => {
      client.on('frame', (frame) => {
        got.push((frame as unknown as { n: number }).n);
        if (got.length === COUNT) resolve();
      });
      client.on('gap', (gap) => {
        gaps.push(gap);
        resolve();
      });
    });
    await opened(client);
    for (let n = 0; n < COUNT; n += 1) {
      await stack.redis.publish(
        'resume:dashboard:refresh:resume',
        JSON.stringify({ type: 'refresh', data: {}, n }),
      );
      if (n % 100 === 50) cut();
    }
    await all;
    expect({ gaps, frames: got.length, connections: connections() > 1 }).toEqual({
      gaps: [],
      frames: COUNT,
      connections: true,
    });
    expect(got).toEqual(Array.from({ length: COUNT }, (_, n) => n));
    client.close();
  });
});
