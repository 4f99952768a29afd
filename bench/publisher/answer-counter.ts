/** How each answer of HTTP/1.x begins. */
const BEGINNING = Buffer.from('HTTP/1.');

/** Counts the answers in what an HTTP server sends, however it is cut. Their bodies hold no such beginning. */
export class AnswerCounter {
  count = 0;
  /** Text that may be the first part of a beginning. */
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let end = 0;
    for (let at = bytes.indexOf(BEGINNING); at !== -1; at = bytes.indexOf(BEGINNING, end)) {
      this.count += 1;
      end = at + BEGINNING.length;
    }
    this.#rest = Buffer.from(bytes.subarray(Math.max(end, bytes.length - BEGINNING.length + 1)));
  }
}
