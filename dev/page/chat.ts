import type { CompleteFrame, DataFrame, TokenFrame } from '../../protocol/frames';
import type { BarChartConfig } from '../demo-frames';
import { barChart } from './charts';
import { find, make } from './elements';
import type { Pane } from './pane';

/** A question and what has come of its answer. */
class Turn {
  readonly element: HTMLElement;
  readonly #text = make('p', 'answer');
  #nextIndex = 0;
  #hasGap = false;

  constructor(question: string) {
    this.element = make('li', 'turn', make('p', 'question', question), this.#text);
    this.element.setAttribute('aria-busy', 'true');
  }

  /** Whether any of its answer has come. */
  get begun(): boolean {
    return this.#nextIndex > 0 || this.#hasGap;
  }

  /** Takes a token, unless it is one that an answer given up before it still sends. */
  append({ token, index }: TokenFrame['data']): void {
    if (this.#hasGap ? index < this.#nextIndex : index !== this.#nextIndex) return;
    this.#nextIndex = index + 1;
    this.#text.append(token);
  }

  /** Says in the text itself that some of it is missing. */
  markGap(): void {
    this.#hasGap = true;
    this.#text.append(make('span', 'lost', ' [some words were lost here] '));
  }

  complete({ sql, chartConfig }: CompleteFrame['data']): void {
    if (sql !== undefined) this.element.append(make('pre', 'sql', make('code', '', sql)));
    if (isBarChart(chartConfig)) this.element.append(barChart(chartConfig.data, 'Revenue in millions'));
    this.end();
  }

  fail(message: string): void {
    this.element.append(make('p', 'failure', message));
    this.end();
  }

  end(): void {
    this.element.removeAttribute('aria-busy');
  }
}

/** Asks questions and shows each answer as its tokens arrive. */
export class Chat {
  readonly #pane: Pane<DataFrame>;
  readonly #turns: HTMLElement;
  readonly #button: HTMLButtonElement;
  #current: Turn | undefined;

  constructor(pane: Pane<DataFrame>) {
    this.#pane = pane;
    this.#turns = find(pane.section, '.turns', HTMLElement);
    this.#button = find(pane.section, 'form button', HTMLButtonElement);
    const question = find(pane.section, 'form input', HTMLInputElement);
    find(pane.section, 'form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#button.disabled && question.value.trim() !== '') this.#ask(question.value.trim());
    });
    pane.client.on('frame', (frame) => {
      this.#take(frame);
    });
    pane.client.on('gap', () => {
      this.#current?.markGap();
      // The end of the answer may be among what was lost.
      this.#button.disabled = false;
    });
  }

  #ask(question: string): void {
    this.#current?.end();
    const turn = (this.#current = new Turn(question));
    this.#turns.append(turn.element);
    this.#button.disabled = true;
    this.#scroll();
    this.#pane.client.send('message', { text: question }).catch((cause: unknown) => {
      turn.fail(cause instanceof Error ? cause.message : String(cause));
      this.#button.disabled = false;
    });
  }

  #take(frame: DataFrame): void {
    const turn = this.#current;
    if (turn === undefined) return;
    switch (frame.type) {
      case 'token':
        turn.append(frame.data);
        break;
      case 'complete':
        if (!turn.begun) return;
        turn.complete(frame.data);
        this.#release();
        break;
      case 'error':
        turn.fail(frame.data.message);
        this.#release();
    }
    this.#scroll();
  }

  #release(): void {
    this.#current = undefined;
    this.#button.disabled = false;
  }

  #scroll(): void {
    this.#turns.scrollTop = this.#turns.scrollHeight;
  }
}

function isBarChart(config: unknown): config is BarChartConfig {
  return (
    typeof config === 'object' &&
    config !== null &&
    'type' in config &&
    config.type === 'bar' &&
    'data' in config
  );
}
