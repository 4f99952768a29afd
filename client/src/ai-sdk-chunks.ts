import type { AnswerPart, Completion, Parts } from './answer.ts';
import { isFrame, type AnyObject } from './parse-frame.ts';

/** The chunks that an answer becomes, of those that the AI SDK knows as `UIMessageChunk`. */
export type AnswerChunk =
  | { readonly type: 'start'; readonly messageId?: string }
  | { readonly type: 'start-step' | 'finish-step' | 'finish' | 'abort' }
  | { readonly type: 'text-start' | 'text-end'; readonly id: string }
  | { readonly type: 'text-delta'; readonly id: string; readonly delta: string }
  | {
      readonly type: 'tool-input-available';
      readonly toolCallId: string;
      readonly toolName: string;
      readonly input: unknown;
      readonly dynamic: true;
    }
  | {
      readonly type: 'tool-output-available';
      readonly toolCallId: string;
      readonly output: unknown;
      readonly dynamic: true;
    }
  | {
      readonly type: 'tool-output-error';
      readonly toolCallId: string;
      readonly errorText: string;
      readonly dynamic: true;
    }
  | { readonly type: `data-${string}`; readonly data: unknown; readonly transient?: boolean };

/** Frames that say how far an answer is, and are no part of it. */
const PASSING: ReadonlySet<unknown> = new Set(['progress', 'status']);

/** The chunks of one answer (docs/ai-front-ends.md). */
export async function* chunksOf(parts: Parts): AsyncGenerator<AnswerChunk, void, undefined> {
  const message = new Message();
  for (;;) {
    const { done, value } = await parts.next();
    if (done === true) {
      yield* message.end(value);
      return;
    }
    yield* message.part(value);
  }
}

/** The state of a message: its parts so far. */
class Message {
  #isStarted = false;
  #texts = 0;
  #text: string | undefined;
  /** The calls without which a result is a fault to the AI SDK. */
  readonly #calls = new Set<string>();

  *part({ frame, token }: AnswerPart): Generator<AnswerChunk> {
    yield* this.#start(frame);
    if (token !== undefined) yield* this.#say(token);
    else if (isFrame(frame)) yield* this.#frame(String(frame.type), frame.data as Data);
  }

  *end(completion: Completion): Generator<AnswerChunk> {
    yield* this.#start();
    yield* this.#endText();
    if (Object.keys(completion).length > 0) yield { type: 'data-complete', data: completion };
    yield { type: 'finish' };
  }

  /** The same answer is the same message, in this page and in the next. */
  *#start(frame?: AnyObject): Generator<AnswerChunk> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const id = frame?.['id'];
    yield typeof id === 'string' ? { type: 'start', messageId: id } : { type: 'start' };
  }

  *#say(delta: string): Generator<AnswerChunk> {
    if (this.#text === undefined) {
      this.#text = `text-${++this.#texts}`;
      yield { type: 'text-start', id: this.#text };
    }
    yield { type: 'text-delta', id: this.#text, delta };
  }

  *#endText(): Generator<AnswerChunk> {
    if (this.#text !== undefined) yield { type: 'text-end', id: this.#text };
    this.#text = undefined;
  }

  *#frame(type: string, data: Data): Generator<AnswerChunk> {
    if (type === 'start') return;
    if (PASSING.has(type)) {
      yield { type: `data-${type}`, data, transient: true };
      return;
    }
    yield* this.#endText();
    if (type === 'step_start') yield { type: 'start-step' };
    else if (type === 'step_complete') yield { type: 'finish-step' };
    else yield this.#call(type, data) ?? this.#result(type, data) ?? { type: `data-${type}`, data };
  }

  #call(type: string, { id, name, input }: Data): AnswerChunk | undefined {
    if (type !== 'tool_call' || typeof id !== 'string' || typeof name !== 'string') return undefined;
    this.#calls.add(id);
    return { type: 'tool-input-available', toolCallId: id, toolName: name, input, dynamic: true };
  }

  #result(type: string, { id, output, error }: Data): AnswerChunk | undefined {
    if (type !== 'tool_result' || typeof id !== 'string' || !this.#calls.has(id)) return undefined;
    return typeof error === 'string'
      ? { type: 'tool-output-error', toolCallId: id, errorText: error, dynamic: true }
      : { type: 'tool-output-available', toolCallId: id, output, dynamic: true };
  }
}

type Data = Readonly<Record<string, unknown>>;
