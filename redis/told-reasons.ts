/** So many different reasons are remembered; past that the oldest is forgotten. */
const MAX_REASONS = 100;
/** A reason that was not heard for so long is over, in milliseconds. */
export const REASON_OVER_MS = 30_000;

/**
 * Which reasons were told already: each is told once, however often it is heard, and again after it was over. Reasons that
 * differ in figures or names only are one.
 */
export class ToldReasons {
  readonly #nowMs: () => number;
  readonly #heardAt = new Map<string, { readonly text: string; atMs: number }>();

  /** @param nowMs a monotonic clock, milliseconds */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether any was told that is not over. */
  get isEmpty(): boolean {
    return this.#heardAt.size === 0;
  }

  /**
   * A reason is heard.
   * @param whose a node's name, or a command's, of which it is told apart from the others
   * @returns whether it is to be told
   */
  hear(text: string, whose = ''): boolean {
    const kind = `${whose} ${kindOf(text)}`;
    const known = this.#heardAt.get(kind);
    if (known !== undefined && this.#nowMs() - known.atMs < REASON_OVER_MS) {
      known.atMs = this.#nowMs();
      return false;
    }
    this.#heardAt.delete(kind);
    const [oldest] = this.#heardAt.keys();
    if (this.#heardAt.size >= MAX_REASONS && oldest !== undefined) this.#heardAt.delete(oldest);
    this.#heardAt.set(kind, { text, atMs: this.#nowMs() });
    return true;
  }

  /** Takes out the reasons that are over. */
  takeOver(): readonly string[] {
    const over: string[] = [];
    for (const [kind, { text, atMs }] of this.#heardAt) {
      if (this.#nowMs() - atMs < REASON_OVER_MS) continue;
      this.#heardAt.delete(kind);
      over.push(text);
    }
    return over;
  }

  /** All is well: whatever comes next is told again. @param whose of this node alone */
  clear(whose?: string): void {
    for (const kind of this.#heardAt.keys()) {
      if (whose === undefined || kind.startsWith(`${whose} `)) this.#heardAt.delete(kind);
    }
  }
}

/** An error of Redis begins with a word in capitals that says of what kind it is; `ERR` is any other. */
function kindOf(text: string): string {
  return /^(?!ERR )[A-Z]{3,}(?= )/.exec(text)?.[0] ?? text.replace(/\d+/g, '#');
}
