import type { Steps } from './loop-shares';

/** Goes through many things in steps. When it is asked for in the middle it goes through them once more, however often it was asked. */
export class RepeatedPass {
  readonly #run: (steps: Steps) => void;
  readonly #pass: () => Iterable<unknown>;
  #isOn = false;
  #isAsked = false;

  /**
   * @param run takes steps to their end, at once or later
   * @param pass the steps of one time
   */
  constructor(run: (steps: Steps) => void, pass: () => Iterable<unknown>) {
    this.#run = run;
    this.#pass = pass;
  }

  ask(): void {
    this.#isAsked = true;
    if (this.#isOn) return;
    this.#isOn = true;
    this.#run(this.#steps());
  }

  *#steps(): Generator<unknown, undefined> {
    try {
      while (this.#isAsked) {
        this.#isAsked = false;
        yield* this.#pass();
      }
    } finally {
      this.#isOn = false;
      // A step that threw takes nothing from who has asked since.
      if (this.#isAsked) this.ask();
    }
  }
}
