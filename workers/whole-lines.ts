import { StringDecoder } from 'node:string_decoder';

/** Cuts a worker's output into lines, so that those of several workers do not mix. */
export class WholeLines {
  readonly #write: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** @param write takes a line with its line feed */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  push(chunk: Buffer): void {
    const lines = `${this.#rest}${this.#decoder.write(chunk)}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#write(`${line}\n`);
  }

  /** Nothing comes any more: the worker may have died in the middle of a line. */
  end(): void {
    if (this.#rest !== '') this.#write(`${this.#rest}\n`);
    this.#rest = '';
  }
}
