import { chunksOf, type AnswerChunk } from './ai-sdk-chunks.ts';
import type { Parts } from './answer.ts';
import { BridgeClientError } from './errors.ts';

/** An event as `EventSchemas` of `@ag-ui/core` has it. */
export interface AgUiEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** Which run an answer is: `threadId` is the session, `runId` a name that the page chooses. */
export interface AgUiRun {
  readonly threadId: string;
  readonly runId: string;
}

/**
 * The AG-UI events of one answer (docs/ai-front-ends.md). It throws nothing: an answer that fails ends with `RUN_ERROR`.
 * @example
 * for await (const event of agUiEvents(client.askParts('message', { text }), { threadId, runId })) subscriber.next(event);
 */
export async function* agUiEvents(
  parts: Parts,
  { threadId, runId }: AgUiRun,
): AsyncGenerator<AgUiEvent, void, undefined> {
  const open: string[] = [];
  let steps = 0;
  let result: unknown;
  yield { type: 'RUN_STARTED', threadId, runId };
  try {
    for await (const chunk of chunksOf(parts)) {
      if (chunk.type === 'data-complete') result = chunk.data;
      else if (chunk.type === 'start-step') yield { type: 'STEP_STARTED', stepName: named(open, ++steps) };
      else if (chunk.type === 'finish-step') yield* open.splice(-1).map(finished);
      else yield* eventsOf(chunk, runId);
    }
    // To AG-UI a run that ends before its steps is a fault.
    yield* open.reverse().map(finished);
    yield { type: 'RUN_FINISHED', threadId, runId, result };
  } catch (cause) {
    const failed = new BridgeClientError('FAILED', 'the answer failed');
    const { code, message } = cause instanceof BridgeClientError ? cause : failed;
    yield { type: 'RUN_ERROR', code, message };
  }
}

function named(open: string[], step: number): string {
  const name = `step-${step}`;
  open.push(name);
  return name;
}

const finished = (stepName: string): AgUiEvent => ({ type: 'STEP_FINISHED', stepName });

function eventsOf(chunk: AnswerChunk, runId: string): AgUiEvent[] {
  switch (chunk.type) {
    case 'text-start':
      return [{ type: 'TEXT_MESSAGE_START', messageId: `${runId}-${chunk.id}`, role: 'assistant' }];
    case 'text-delta':
      if (chunk.delta === '') return [];
      return [{ type: 'TEXT_MESSAGE_CONTENT', messageId: `${runId}-${chunk.id}`, delta: chunk.delta }];
    case 'text-end':
      return [{ type: 'TEXT_MESSAGE_END', messageId: `${runId}-${chunk.id}` }];
    case 'tool-input-available': {
      const { toolCallId, toolName, input = {} } = chunk;
      return [
        { type: 'TOOL_CALL_START', toolCallId, toolCallName: toolName },
        { type: 'TOOL_CALL_ARGS', toolCallId, delta: JSON.stringify(input) },
        { type: 'TOOL_CALL_END', toolCallId },
      ];
    }
    case 'tool-output-available':
      return [toolResult(chunk.toolCallId, JSON.stringify(chunk.output ?? null))];
    case 'tool-output-error':
      return [toolResult(chunk.toolCallId, chunk.errorText)];
    default:
      return 'data' in chunk
        ? [{ type: 'CUSTOM', name: chunk.type.slice('data-'.length), value: chunk.data }]
        : [];
  }
}

function toolResult(toolCallId: string, content: string): AgUiEvent {
  return { type: 'TOOL_CALL_RESULT', messageId: `${toolCallId}-result`, toolCallId, content, role: 'tool' };
}
