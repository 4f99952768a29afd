import type { CompleteFrame, DataFrame, TokenFrame } from '../../protocol/frames';
import { barChart } from './charts';
import { find, make } from './elements';
import { isBarChart, readAnswerFrame } from './known-frames';
import type { Pane } from './pane';

/** How long nothing may come of an answer that a gap cut before it counts as over, in milliseconds. */
const CUT_ANSWER_MS = 3_000;

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

  /** Ends it though its end did not come. */
  cut(): void {
    this.#text.append(make('span', 'lost', ' [the answer ends here: its end was lost]'));
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
  /** Runs after a gap, until more of the answer comes. */
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(pane: Pane<DataFrame>) {
    this.#pane = pane;
    this.#turns = find(pane.section, '.turns', HTMLElement);
    this.#button = find(pane.section, 'form button', HTMLButtonElement);
    const question = find(pane.section, 'form input', HTMLInputElement);
    find(pane.section, 'form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.#button.disabled && question.value.trim() !== '') this.#ask(question.value.trim());
    });
    pane.onFrame(readAnswerFrame, (frame) => {
      this.#take(frame);
    });
    pane.client.on('gap', () => {
      if (this.#current === undefined) return;
      this.#current.markGap();
      // The end of the answer may be among what was lost.
      this.#button.disabled = false;
      this.#awaitMore();
    });
    pane.client.on('close', () => {
      this.#cut();
    });
  }

  #ask(question: string): void {
    this.#cut();
    const turn = (this.#current = new Turn(question));
    this.#turns.append(turn.element);
    this.#button.disabled = true;
    this.#scroll();
    this.#pane.client.send('message', { text: question }).catch((cause: unknown) => {
      turn.fail(cause instanceof Error ? cause.message : String(cause));
      if (this.#current === turn) this.#release();
    });
  }

  #take(frame: DataFrame): void {
    const turn = this.#current;
    if (turn === undefined) return;
    switch (frame.type) {
      case 'token':
        turn.append(frame.data);
        if (this.#silence !== undefined) this.#awaitMore();
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

  #awaitMore(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#cut();
    }, CUT_ANSWER_MS);
  }

  #cut(): void {
    this.#current?.cut();
    this.#release();
  }

  #release(): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#current = undefined;
    this.#button.disabled = false;
  }

  #scroll(): void {
    this.#turns.scrollTop = this.#turns.scrollHeight;
  }
}
