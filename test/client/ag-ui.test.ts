import fc from 'fast-check';
import { agUiEvents, type AgUiEvent } from '../../client/src/ag-ui.ts';
import type { AnswerPart, Completion, Parts } from '../../client/src/answer.ts';
import { BridgeClientError } from '../../client/src/errors.ts';

const RUN = { threadId: 's1', runId: 'r1' };
const part = (type: string, data: unknown): AnswerPart => ({ frame: { type, data }, token: undefined });
const token = (text: string): AnswerPart => ({ frame: { type: 'token' }, token: text });

async function events(
  parts: readonly AnswerPart[],
  end: () => Completion = () => ({}),
): Promise<AgUiEvent[]> {
  async function* answer(): Parts {
    yield* parts;
    return Promise.resolve(end());
  }
  const all: AgUiEvent[] = [];
  for await (const event of agUiEvents(answer(), RUN)) all.push(event);
  return all;
}

describe('the AG-UI events of an answer', () => {
  it('have no empty content: to @ag-ui/core before 1.0 that is a fault', async () => {
    expect(
      (await events([token(''), token('a'), token('')])).map(({ type, delta }) => delta ?? type),
    ).toEqual([...['RUN_STARTED', 'TEXT_MESSAGE_START', 'a', 'TEXT_MESSAGE_END', 'RUN_FINISHED']]);
  });

  it('end steps that the answer left open, the inner one first', async () => {
    const all = await events([part('step_start', {}), part('step_start', {})]);
    const steps = all.map(({ type, stepName }) => stepName ?? type).slice(1, -1);
    expect(steps).toEqual(['step-1', 'step-2', 'step-2', 'step-1']);
  });

  it('are a run with text, steps, tools, custom events and a result', async () => {
    const parts = [
      part('status', { text: 'thinking' }),
      part('step_start', {}),
      token('a'),
      token('b'),
      part('tool_call', { id: 't1', name: 'sql', input: { query: 'SELECT 1' } }),
      part('tool_result', { id: 't1', output: [1] }),
      part('tool_call', { id: 't2', name: 'sql' }),
      part('tool_result', { id: 't2', error: 'no such table' }),
      part('step_complete', {}),
      token('c'),
    ];
    const sql = { toolCallId: 't1' };
    expect(await events(parts, () => ({ sql: 'SELECT 1' }))).toEqual([
      { type: 'RUN_STARTED', ...RUN },
      { type: 'CUSTOM', name: 'status', value: { text: 'thinking' } },
      { type: 'STEP_STARTED', stepName: 'step-1' },
      { type: 'TEXT_MESSAGE_START', messageId: 'r1-text-1', role: 'assistant' },
      { type: 'TEXT_MESSAGE_CONTENT', messageId: 'r1-text-1', delta: 'a' },
      { type: 'TEXT_MESSAGE_CONTENT', messageId: 'r1-text-1', delta: 'b' },
      { type: 'TEXT_MESSAGE_END', messageId: 'r1-text-1' },
      { type: 'TOOL_CALL_START', ...sql, toolCallName: 'sql' },
      { type: 'TOOL_CALL_ARGS', ...sql, delta: '{"query":"SELECT 1"}' },
      { type: 'TOOL_CALL_END', ...sql },
      { type: 'TOOL_CALL_RESULT', ...sql, messageId: 't1-result', content: '[1]', role: 'tool' },
      { type: 'TOOL_CALL_START', toolCallId: 't2', toolCallName: 'sql' },
      { type: 'TOOL_CALL_ARGS', toolCallId: 't2', delta: '{}' },
      { type: 'TOOL_CALL_END', toolCallId: 't2' },
      {
        ...{ type: 'TOOL_CALL_RESULT', toolCallId: 't2', messageId: 't2-result' },
        ...{ content: 'no such table', role: 'tool' },
      },
      { type: 'STEP_FINISHED', stepName: 'step-1' },
      { type: 'TEXT_MESSAGE_START', messageId: 'r1-text-2', role: 'assistant' },
      { type: 'TEXT_MESSAGE_CONTENT', messageId: 'r1-text-2', delta: 'c' },
      { type: 'TEXT_MESSAGE_END', messageId: 'r1-text-2' },
      { type: 'RUN_FINISHED', ...RUN, result: { sql: 'SELECT 1' } },
    ]);
  });

  it('end with the error of the service, and with nothing else that was thrown', async () => {
    const failing = (cause: Error) =>
      events([token('a')], () => {
        throw cause;
      });
    expect((await failing(new BridgeClientError('QUERY_FAILED', 'no such table'))).at(-1)).toEqual({
      ...{ type: 'RUN_ERROR', code: 'QUERY_FAILED', message: 'no such table' },
    });
    expect((await failing(new Error('secret'))).at(-1)).toEqual({
      ...{ type: 'RUN_ERROR', code: 'FAILED', message: 'the answer failed' },
    });
  });

  it('never end what did not begin, and leave nothing open, whatever the frames are', async () => {
    const type = fc.constantFrom(
      'tool_call',
      'tool_result',
      'step_start',
      'step_complete',
      'status',
      'other',
    );
    const id = fc.constantFrom('a', 'b', undefined, 1);
    const data = fc.oneof(fc.record({ id, name: id, error: id }), fc.constantFrom(null, 'text', undefined));
    const frame = fc.record({ type, data });
    const parts = fc.array(fc.record({ frame, token: fc.constantFrom('t', undefined) }));
    await fc.assert(
      fc.asyncProperty(parts, async (given) => {
        const open = new Set<unknown>();
        for (const event of await events(given)) {
          const own = event['messageId'] ?? event['toolCallId'] ?? event['stepName'];
          if (/_START(ED)?$/.test(event.type)) {
            expect(open).not.toContain(own);
            open.add(own ?? 'run');
          }
          if (/_(CONTENT|ARGS)$/.test(event.type)) expect(open).toContain(own);
          if (/_(END|FINISHED)$/.test(event.type)) expect(open.delete(own ?? 'run')).toBe(true);
        }
        expect([...open]).toEqual([]);
      }),
    );
  });
});
