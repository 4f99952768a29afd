import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { BridgeChatTransport } from '../../client/src/ai-sdk';
import { connectChat, type ChatClient, type ChatOptions } from '../../client/src/chat';
import { eventually } from '../service/answers/fixture';
import { aiChat, textOf } from './ai-chat';
import { token } from './client';
import { GatedService, WHOLE } from './gated-service';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
let service: GatedService;
const clients: ChatClient[] = [];

beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
  service = new GatedService(stack.redis);
}, 180_000);
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await service.close();
  await stack.stop();
}, 60_000);

/** A page with this session's chat. */
function page(session: string, options: Partial<ChatOptions> = {}) {
  const sockets: WebSocket[] = [];
  class CuttableSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const client = connectChat({
    url: stack.url,
    path: '/ws/ai/chat',
    session,
    resume: 'oldest',
    token: () => token(),
    WebSocket: CuttableSocket,
    backoffBaseMs: 50,
    ...options,
  });
  clients.push(client);
  return { transport: new BridgeChatTransport(client), client, cut: () => sockets.at(-1)?.terminate() };
}

describe('a chat of the AI SDK', () => {
  it('asks, and shows text, steps, tools and the end of the answer as parts of one message', async () => {
    const told: unknown[] = [];
    const { transport } = page('sdk-asks');
    const chat = aiChat({ id: 'sdk-asks', transport, onData: (part) => told.push(part) });
    await chat.sendMessage({ text: 'Revenue?' }, { body: { region: 'north' } });
    expect(chat).toMatchObject({ status: 'ready', error: undefined });
    expect(chat.messages).toMatchObject([{ role: 'user' }, { role: 'assistant', parts: WHOLE }]);
    expect(service.asked.at(-1)).toEqual({ text: 'Revenue?', region: 'north' });
    expect(told).toContainEqual({ type: 'data-status', data: { text: 'thinking' }, transient: true });
    await chat.regenerate();
    expect(chat.messages).toMatchObject([{ role: 'user' }, { role: 'assistant', parts: WHOLE }]);
    expect(service.asked.at(-1)).toEqual({ text: 'Revenue?' });
  });

  it('has the error of the service, with its code', async () => {
    const { transport } = page('sdk-fails');
    const chat = aiChat({ id: 'sdk-fails', transport });
    await chat.sendMessage({ text: 'fail' });
    expect([chat.status, chat.error]).toMatchObject(['error', { code: 'FAILED' }]);
  });

  it('goes on over a lost connection, and misses nothing', async () => {
    const { transport, cut } = page('sdk-cut');
    const chat = aiChat({ id: 'sdk-cut', transport });
    const sent = chat.sendMessage({ text: 'wait cut' });
    await eventually('a beginning', () => textOf(chat) === 'Revenue ');
    cut();
    service.open('wait cut');
    await sent;
    expect(chat.messages.at(-1)?.parts).toMatchObject(WHOLE);
  });

  it('stops an answer, and the service as well', async () => {
    const { transport } = page('sdk-stop');
    const chat = aiChat({ id: 'sdk-stop', transport });
    const sent = chat.sendMessage({ text: 'wait stop' });
    await eventually('a beginning', () => textOf(chat) === 'Revenue ');
    await chat.stop();
    await sent;
    expect(chat.status).toBe('ready');
    await eventually('the handler to stop', () => service.stopped.includes('wait stop'));
    await chat.sendMessage({ text: 'next' });
    expect(chat.messages.at(-1)?.parts).toMatchObject(WHOLE);
  });
});

describe('a page that was loaded again', () => {
  it('resumes the answer from its beginning, in place of what it had of it', async () => {
    const before = page('sdk-again');
    const chat = aiChat({ id: 'sdk-again', transport: before.transport });
    void chat.sendMessage({ text: 'wait again' });
    await eventually('a beginning', () => textOf(chat) === 'Revenue ');
    before.client.close();

    const { transport } = page('sdk-again');
    const again = aiChat({ id: 'sdk-again', transport, messages: chat.messages });
    const resumed = again.resumeStream();
    await eventually('the beginning again', () => again.status === 'streaming');
    service.open('wait again');
    await resumed;
    expect(again.messages).toHaveLength(2);
    expect(again.messages.at(-1)).toMatchObject({ role: 'assistant', parts: WHOLE });
  });

  it('stops the answer that it resumed, and the service as well', async () => {
    const before = page('sdk-resumed-stop');
    const chat = aiChat({ id: 'sdk-resumed-stop', transport: before.transport });
    void chat.sendMessage({ text: 'wait resumed' });
    await eventually('a beginning', () => textOf(chat) === 'Revenue ');
    before.client.close();

    const { transport } = page('sdk-resumed-stop');
    const again = aiChat({ id: 'sdk-resumed-stop', transport });
    const resumed = again.resumeStream();
    await eventually('the beginning again', () => textOf(again) === 'Revenue ');
    await again.stop();
    await resumed;
    expect(again.status).toBe('ready');
    await eventually('the handler to stop', () => service.stopped.includes('wait resumed'));
    await again.sendMessage({ text: 'next' });
    expect(again.messages.at(-1)?.parts).toMatchObject(WHOLE);
  });

  it.each([
    ['no answer is on its way', {}],
    ['it did not ask for what is kept', { resume: undefined as never }],
  ])('has nothing to resume where %s', async (_, options) => {
    const first = page('sdk-nothing');
    await aiChat({ id: 'sdk-nothing', transport: first.transport }).sendMessage({ text: 'Revenue?' });
    first.client.close();
    const { transport } = page('sdk-nothing', options);
    expect(await transport.reconnectToStream({})).toBeNull();
  });
});
