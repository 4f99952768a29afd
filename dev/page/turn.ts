import { BridgeClientError, type DataFrame } from 'ws-bridge-client';
import type { Completion, Tokens } from 'ws-bridge-client/chat';
import { barChart } from './charts';
import { make } from './elements';
import { isBarChart } from './known-frames';

/** A question, and its answer as it comes. */
export class Turn {
  readonly element: HTMLElement;
  readonly #text = make('p', 'answer');

  constructor(question: string) {
    this.element = make('li', 'turn', make('p', 'question', question), this.#text);
  }

  /**
   * Shows a frame of an answer that is over, or was begun long ago.
   * @returns whether it is the last
   */
  add({ type, data }: DataFrame): boolean {
    if (type === 'start' && (data.attempt ?? 0) > 1) this.restart();
    if (type === 'token') this.#text.append(data.token);
    if (type === 'complete') this.#complete(data);
    if (type === 'error') this.#fail(new BridgeClientError(data.code, data.message));
    return type === 'complete' || type === 'error';
  }

  /** Takes back the text so far: another worker begins the answer anew. */
  restart(): void {
    this.#text.replaceChildren();
  }

  /** Shows the answer to its end. */
  async show(tokens: Tokens, shown: () => void): Promise<void> {
    this.element.setAttribute('aria-busy', 'true');
    try {
      for (;;) {
        const { done, value } = await tokens.next();
        if (done === true) {
          this.#complete(value);
          break;
        }
        this.#text.append(value);
        shown();
      }
    } catch (cause) {
      this.#fail(cause);
    }
    this.element.removeAttribute('aria-busy');
    shown();
  }

  #complete({ sql, chartConfig }: Completion): void {
    if (typeof sql === 'string') this.element.append(make('pre', 'sql', make('code', '', sql)));
    if (isBarChart(chartConfig)) this.element.append(barChart(chartConfig.data, 'Revenue in millions'));
  }

  /** Says in the text itself where some of it is missing. */
  #fail(cause: unknown): void {
    if (cause instanceof BridgeClientError && ['GAP', 'RESTARTED', 'TIMEOUT'].includes(cause.code)) {
      this.#text.append(make('span', 'lost', ' [the rest of this answer was lost]'));
    } else if (cause instanceof Error && cause.name === 'AbortError') {
      this.#text.append(make('span', 'lost', ' [stopped]'));
    } else {
      this.element.append(make('p', 'failure', cause instanceof Error ? cause.message : String(cause)));
    }
  }
}
