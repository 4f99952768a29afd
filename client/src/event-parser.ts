/** One event of an event stream (HTML, "Server-sent events"). */
export interface StreamEvent {
  /** `message` where the stream names none. */
  readonly type: string;
  /** Its lines, with LF between them. */
  readonly data: string;
}

const LINE_END = /\r\n|\n|\r/;

/** Reads events from the text of a stream, whatever pieces it comes in. */
export class EventParser {
  /** The beginning of a line whose end has not come. */
  #rest = '';
  /** A CR, which a LF may follow that ends no other line. */
  #held = '';
  #type = '';
  #lines: string[] = [];

  /** @returns the events that end in this piece */
  take(piece: string): StreamEvent[] {
    const text = this.#held + piece;
    this.#held = text.endsWith('\r') ? '\r' : '';
    const [end = '', ...lines] = text.slice(0, text.length - this.#held.length).split(LINE_END);
    lines.unshift(this.#rest + end);
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  /** @returns the event that an empty line ends */
  #line(line: string): StreamEvent | undefined {
    if (line === '') return this.#event();
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') this.#type = value;
    if (field === 'data') this.#lines.push(value);
    // Ids are resume points, which the client counts by itself. `retry` is for an EventSource.
    return undefined;
  }

  #event(): StreamEvent | undefined {
    const [type, lines] = [this.#type, this.#lines];
    [this.#type, this.#lines] = ['', []];
    return lines.length === 0 ? undefined : { type: type || 'message', data: lines.join('\n') };
  }
}
