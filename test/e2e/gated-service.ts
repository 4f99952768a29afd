import type { Redis } from 'ioredis';
import { connectService, token, type Service } from '../../service/src/index';

/** The parts of an answer, as the AI SDK shows them. */
export const WHOLE = [
  { type: 'text', text: 'Revenue ', state: 'done' },
  { type: 'step-start' },
  {
    type: 'dynamic-tool',
    toolName: 'sql',
    toolCallId: 't1',
    state: 'output-available',
    input: { query: 'SELECT 1' },
    output: [1],
  },
  { type: 'text', text: 'is 1', state: 'done' },
  { type: 'data-complete', data: { sql: 'SELECT 1' } },
];

/** A service that answers with text, a step and a tool. An answer to a text that begins with `wait` goes on when a test says so. */
export class GatedService {
  /** The data of the commands that were answered, in their order. */
  readonly asked: unknown[] = [];
  /** The texts whose answers were stopped. */
  readonly stopped: string[] = [];
  readonly #gates = new Map<string, () => void>();
  readonly #service: Service;

  constructor(redis: Redis) {
    this.#service = connectService({ redis, group: 'ai' });
    this.#service.answer<{ readonly text: string }>('message', ({ data }, { signal }) =>
      this.#answer(data, signal),
    );
  }

  /** Lets the answer to a text go on. */
  open(text: string): void {
    this.#gates.get(text)?.();
  }

  close(): Promise<void> {
    return this.#service.close({ timeoutMs: 0 });
  }

  async *#answer(data: { readonly text: string }, signal: AbortSignal) {
    const { text } = data;
    this.asked.push(data);
    signal.addEventListener('abort', () => this.stopped.push(text));
    if (text === 'fail') throw new Error('no such table');
    yield { type: 'status', data: { text: 'thinking' } };
    yield token('Revenue ');
    if (text.startsWith('wait')) {
      await new Promise<void>((resolve, reject) => {
        this.#gates.set(text, resolve);
        signal.addEventListener('abort', () => {
          reject(signal.reason as Error);
        });
      });
    }
    yield { type: 'step_start', data: { name: 'query' } };
    yield { type: 'tool_call', data: { id: 't1', name: 'sql', input: { query: 'SELECT 1' } } };
    yield { type: 'tool_result', data: { id: 't1', output: [1] } };
    yield { type: 'step_complete', data: { name: 'query' } };
    yield token('is ');
    yield token('1');
    return { sql: 'SELECT 1' };
  }
}
