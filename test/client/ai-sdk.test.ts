import { BridgeChatTransport, type AnswerChunk } from '../../client/src/ai-sdk.ts';
import type { ChatOptions } from '../../client/src/chat.ts';
import { FakeBridge } from './fake-bridge';
import { settled } from './fake-clock';
import { startChat } from './fixture';

const frame = (type: string, id: string | undefined, data: object = {}): string =>
  JSON.stringify({ type, id, data });
const token = (text: string): string => frame('token', 'c0', { token: text });

/** A transport, and what asks it. */
async function started(options: Partial<ChatOptions> = {}, published: readonly string[] = []) {
  const bridge = new FakeBridge();
  for (const text of published) bridge.publish(text);
  let count = 0;
  const rig = await startChat(
    { newId: () => `c${count++}`, resume: 'oldest', session: 's1', ...options },
    bridge,
  );
  const transport = new BridgeChatTransport(rig.client);
  const ask = (abortSignal?: AbortSignal) =>
    transport.sendMessages({
      trigger: 'submit-message',
      chatId: 'chat',
      messageId: undefined,
      messages: [
        { parts: [{ type: 'text', text: 'before' }] },
        {
          parts: [{ type: 'text', text: 'Revenue ' }, { type: 'file' }, { type: 'text', text: 'by region?' }],
        },
      ],
      abortSignal,
    });
  const taken = (): unknown[] => bridge.taken.map(({ type, data }) => [type, data]);
  return { ...rig, transport, ask, taken };
}

async function typesOf(stream: ReadableStream<AnswerChunk> | null): Promise<string[]> {
  const types: string[] = [];
  const reader = stream?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (next?.value === undefined) return types;
    types.push(next.value.type);
  }
}

const ASKED = ['message', { text: 'Revenue by region?' }];
const CANCELLED = ['cancel', { id: 'c0' }];

describe('a transport for the AI SDK', () => {
  it('asks with the text of the newest message, and ends with the answer', async () => {
    const { ask, bridge, taken } = await started();
    const types = typesOf(await ask());
    await settled();
    for (const text of [token('a'), frame('complete', 'c0')]) bridge.publish(text);
    expect(await types).toEqual(['start', 'text-start', 'text-delta', 'text-end', 'finish']);
    expect(taken()).toEqual([ASKED]);
  });

  it('stops an answer whose signal is aborted, for a reader that goes on reading', async () => {
    const { ask, bridge, taken } = await started();
    const stop = new AbortController();
    const types = typesOf(await ask(stop.signal));
    await settled();
    bridge.publish(token('a'));
    await settled();
    stop.abort();
    expect(await types).toEqual(['start', 'text-start', 'text-delta', 'abort']);
    await settled();
    expect(taken()).toEqual([ASKED, CANCELLED]);
  });

  it('stops an answer whose reader breaks off', async () => {
    const { ask, taken } = await started();
    const stream = await ask();
    await settled();
    await stream.cancel();
    await settled();
    expect(taken()).toEqual([ASKED, CANCELLED]);
  });

  it('asks for nothing that was stopped before', async () => {
    const { ask, taken } = await started();
    expect(await typesOf(await ask(AbortSignal.abort()))).toEqual(['abort']);
    expect(taken()).toEqual([]);
  });

  it('is rejected with what dataOf throws', async () => {
    const { client } = await started();
    const dataOf = (): never => {
      throw new TypeError('mine');
    };
    const transport = new BridgeChatTransport(client, { dataOf });
    const request = {
      trigger: 'submit-message',
      chatId: '',
      messageId: undefined,
      abortSignal: undefined,
    } as const;
    await expect(transport.sendMessages({ ...request, messages: [] })).rejects.toThrow('mine');
  });

  it.each(['GAP', 'RESTARTED'])('fails with %s where an answer is not whole', async (code) => {
    const { ask, bridge } = await started();
    const types = typesOf(await ask());
    await settled();
    bridge.publish(token('a'));
    await settled();
    if (code === 'GAP') bridge.publishLost(token('b'));
    else bridge.publish(frame('start', 'c0', { attempt: 2 }));
    await expect(types).rejects.toMatchObject({ code });
  });
});

describe('an answer that it resumes', () => {
  const KEPT = [frame('complete', 'z'), token('a'), token('b')];

  it.each(['the signal', 'the reader'])('is stopped by %s, at the service as well', async (by) => {
    const { transport, taken } = await started({}, KEPT);
    const stop = new AbortController();
    const stream = await transport.reconnectToStream({ abortSignal: stop.signal });
    if (by === 'the reader') await stream?.cancel();
    else {
      const types = typesOf(stream);
      await settled();
      stop.abort();
      expect(await types).toEqual(['start', 'text-start', 'text-delta', 'text-delta', 'abort']);
    }
    await settled();
    expect(taken()).toEqual([CANCELLED]);
  });

  it('is stopped where its reader is, when the service does not say which command it answers', async () => {
    const { transport, taken } = await started({}, [frame('token', undefined, { token: 'a' })]);
    const stop = new AbortController();
    const types = typesOf(await transport.reconnectToStream({ abortSignal: stop.signal }));
    await settled();
    stop.abort();
    expect(await types).toEqual(['start', 'text-start', 'text-delta', 'abort']);
    await settled();
    expect(taken()).toEqual([]);
  });

  it('is not stopped any more once it is over', async () => {
    const { transport, bridge, taken } = await started({}, KEPT);
    const stop = new AbortController();
    const types = typesOf(await transport.reconnectToStream({ abortSignal: stop.signal }));
    await settled();
    bridge.publish(frame('complete', 'c0'));
    expect((await types).at(-1)).toBe('finish');
    stop.abort();
    await settled();
    expect(taken()).toEqual([]);
  });
});
