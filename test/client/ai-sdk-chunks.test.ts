import fc from 'fast-check';
import { chunksOf, type AnswerChunk } from '../../client/src/ai-sdk-chunks.ts';
import type { AnswerPart, Completion, Parts } from '../../client/src/answer.ts';

const part = (type: string, data: unknown, id?: string): AnswerPart => ({
  frame: { type, data, ...(id === undefined ? {} : { id }) },
  token: undefined,
});
const token = (text: string): AnswerPart => ({ frame: { type: 'token' }, token: text });

async function chunks(parts: readonly AnswerPart[], completion: Completion = {}): Promise<AnswerChunk[]> {
  async function* answer(): Parts {
    yield* parts;
    return Promise.resolve(completion);
  }
  const all: AnswerChunk[] = [];
  for await (const chunk of chunksOf(answer())) all.push(chunk);
  return all;
}

describe('the chunks of an answer', () => {
  it('begin with the id that the service says, and end with what is complete', async () => {
    expect(await chunks([part('status', {}, 'c1')], { sql: 'SELECT 1' })).toEqual([
      { type: 'start', messageId: 'c1' },
      { type: 'data-status', data: {}, transient: true },
      { type: 'data-complete', data: { sql: 'SELECT 1' } },
      { type: 'finish' },
    ]);
  });

  it('are a beginning and an end where there is nothing else', async () => {
    expect(await chunks([])).toEqual([{ type: 'start' }, { type: 'finish' }]);
  });

  it('have a text for the tokens between two other parts, whatever passes by meanwhile', async () => {
    const parts = [token('a'), part('progress', { percent: 5 }), token('b'), part('chart', {}), token('c')];
    expect(await chunks(parts)).toEqual([
      { type: 'start' },
      { type: 'text-start', id: 'text-1' },
      { type: 'text-delta', id: 'text-1', delta: 'a' },
      { type: 'data-progress', data: { percent: 5 }, transient: true },
      { type: 'text-delta', id: 'text-1', delta: 'b' },
      { type: 'text-end', id: 'text-1' },
      { type: 'data-chart', data: {} },
      { type: 'text-start', id: 'text-2' },
      { type: 'text-delta', id: 'text-2', delta: 'c' },
      { type: 'text-end', id: 'text-2' },
      { type: 'finish' },
    ]);
  });

  it('have the output of a tool, or its error', async () => {
    const calls = [
      part('tool_call', { id: 't1', name: 'sql' }),
      part('tool_call', { id: 't2', name: 'sql' }),
    ];
    const results = [
      part('tool_result', { id: 't1', output: 1 }),
      part('tool_result', { id: 't2', error: 'no' }),
    ];
    expect((await chunks([...calls, ...results])).slice(3, 5)).toEqual([
      { type: 'tool-output-available', toolCallId: 't1', output: 1, dynamic: true },
      { type: 'tool-output-error', toolCallId: 't2', errorText: 'no', dynamic: true },
    ]);
  });

  it('have data in place of a tool that the AI SDK would take for a fault', async () => {
    const odd = [
      part('tool_call', { id: 't1' }),
      part('tool_call', { id: 1, name: 'sql' }),
      part('tool_result', { id: 't1', output: 1 }),
      part('tool_result', { id: 1, output: 1 }),
      part('call', { id: 't2', name: 'sql' }),
      part('x', 1),
    ];
    expect((await chunks(odd)).map(({ type }) => type)).toEqual([
      'start',
      ...['data-tool_call', 'data-tool_call', 'data-tool_result', 'data-tool_result', 'data-call'],
      'finish',
    ]);
  });

  it('have a result of a tool only where a frame is one, and no start but the first', async () => {
    const parts = [
      part('tool_call', { id: 't1', name: 'sql' }),
      part('seen', { id: 't1', output: 1 }),
      part('start', {}),
    ];
    expect((await chunks(parts)).map(({ type }) => type)).toEqual([
      ...['start', 'tool-input-available', 'data-seen', 'finish'],
    ]);
  });

  it('never end what did not begin, whatever the frames are', async () => {
    const id = fc.constantFrom('a', 'b', undefined, 1);
    const frame = fc.record({
      type: fc.constantFrom(
        'tool_call',
        'tool_result',
        'step_start',
        'status',
        'start',
        'other',
        undefined,
        7,
      ),
      data: fc.oneof(fc.record({ id, name: id, error: id }), fc.constantFrom(null, 'text', undefined)),
      id,
    });
    const parts = fc.array(fc.record({ frame, token: fc.constantFrom('t', undefined) }));
    await fc.assert(
      fc.asyncProperty(parts, async (given) => {
        const open = new Set<string>();
        const all = await chunks(given);
        for (const chunk of all) {
          if (chunk.type === 'text-start') open.add(chunk.id);
          if (chunk.type === 'text-delta') expect(open).toContain(chunk.id);
          if (chunk.type === 'text-end') expect(open.delete(chunk.id)).toBe(true);
          if (chunk.type === 'tool-input-available') open.add(`tool ${chunk.toolCallId}`);
          if ('toolCallId' in chunk) expect(open).toContain(`tool ${chunk.toolCallId}`);
        }
        expect([...open].filter((each) => each.startsWith('text-'))).toEqual([]);
        expect([all[0]?.type, all.at(-1)?.type]).toEqual(['start', 'finish']);
        expect(all.filter(({ type }) => type === 'start')).toHaveLength(1);
      }),
    );
  });
});
