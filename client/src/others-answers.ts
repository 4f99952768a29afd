import type { Answer, Parts, Tokens } from './answer.ts';

/** An answer whose command this client did not send: another tab did, or the page before it was loaded again. */
export interface OthersAnswer {
  /** That of the command, where the service says it. */
  readonly id: string | undefined;
  readonly tokens: Tokens;
  /** Its frames; in place of `tokens`, since an answer has one reader. */
  readonly parts: Parts;
}

/** Those answers, for one reader. */
export class OthersAnswers {
  /** Those that nobody has read yet. */
  readonly #unread: Answer[] = [];
  #hasReader = false;
  #isOver = false;
  #wake: (() => void) | undefined;

  /** Whether somebody reads them. */
  get isFollowed(): boolean {
    return this.#hasReader;
  }

  /** One begins. */
  add(answer: Answer): void {
    this.#unread.push(answer);
    this.#wake?.();
  }

  /** One is over. Without a reader it is kept no longer. */
  forget(answer: Answer): void {
    const index = this.#unread.indexOf(answer);
    if (!this.#hasReader && index >= 0) this.#unread.splice(index, 1);
  }

  /** The one that began last, of those that nobody reads. */
  newest(): OthersAnswer | undefined {
    const answer = this.#unread.pop();
    return answer && readable(answer);
  }

  /** No more will come. */
  end(): void {
    this.#isOver = true;
    this.#wake?.();
  }

  /** Each one from its beginning, as it begins. */
  async *read(): AsyncGenerator<OthersAnswer, void, undefined> {
    this.#hasReader = true;
    try {
      for (;;) {
        const answer = this.#unread.shift();
        if (answer) yield readable(answer);
        else if (this.#isOver) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#hasReader = false;
    }
  }
}

function readable(answer: Answer): OthersAnswer {
  return { id: answer.id, tokens: answer.tokens(), parts: answer.parts() };
}
