import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { StringDecoder } from 'node:string_decoder';

/** An event as an EventSource dispatches it. */
export interface StreamEvent {
  readonly type: string;
  readonly data: string;
  /** The last event id when it was dispatched. */
  readonly id: string;
}

/**
 * Reads an event stream by the letter of the HTML standard ("Parsing an event stream" and "Interpreting an event stream"), so that a line
 * end that the writer overlooked ends a line here.
 */
export class EventStreamParser {
  readonly events: StreamEvent[] = [];
  readonly comments: string[] = [];
  lastEventId = '';
  retryMs: number | undefined;
  readonly #decoder = new StringDecoder('utf8');
  #isBeginning = true;
  #line = '';
  #afterCr = false;
  #data = '';
  #type = '';
  #id = '';

  push(chunk: Buffer): void {
    let text = this.#decoder.write(chunk);
    if (this.#isBeginning && text !== '') {
      this.#isBeginning = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    for (const character of text) this.#read(character);
  }

  #read(character: string): void {
    if (character === '\n' && this.#afterCr) {
      this.#afterCr = false;
      return;
    }
    this.#afterCr = character === '\r';
    if (character !== '\n' && character !== '\r') {
      this.#line += character;
      return;
    }
    const line = this.#line;
    this.#line = '';
    if (line === '') this.#dispatch();
    else if (line.startsWith(':')) this.comments.push(line.slice(1));
    else {
      const colon = line.indexOf(':');
      if (colon === -1) this.#field(line, '');
      else this.#field(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
    }
  }

  #field(name: string, value: string): void {
    if (name === 'event') this.#type = value;
    else if (name === 'data') this.#data += `${value}\n`;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    if (this.#data !== '')
      this.events.push({
        type: this.#type === '' ? 'message' : this.#type,
        data: this.#data.slice(0, -1),
        id: this.lastEventId,
      });
    this.#data = '';
    this.#type = '';
  }
}

/** A client of an event stream that keeps its events until they are asked for. */
export class StreamClient {
  readonly response: IncomingMessage;
  readonly #request: ClientRequest;
  readonly #parser = new EventStreamParser();
  readonly #wake: (() => void)[] = [];
  #taken = 0;
  #isOver = false;
  /** Settles when the connection has ended, one way or another. */
  readonly ended: Promise<void>;

  constructor(asked: ClientRequest, response: IncomingMessage) {
    this.#request = asked;
    this.response = response;
    response.on('data', (chunk: Buffer) => {
      this.#parser.push(chunk);
      this.#news();
    });
    response.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      response.once('close', () => {
        this.#isOver = true;
        this.#news();
        resolve();
      });
    });
  }

  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  get retryMs(): number | undefined {
    return this.#parser.retryMs;
  }

  /** How many comments came. */
  get comments(): number {
    return this.#parser.comments.length;
  }

  /** How many events came that were not asked for yet. */
  get kept(): number {
    return this.#parser.events.length - this.#taken;
  }

  /** The next event. @throws when the stream ends before there is one */
  async next(): Promise<StreamEvent> {
    await this.until(() => this.kept > 0);
    const event = this.#parser.events[this.#taken++];
    if (event === undefined) throw new Error('expected an event, got the end of the stream');
    return event;
  }

  async take(count: number): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    while (events.length < count) events.push(await this.next());
    return events;
  }

  /** Resolves once something is so, or the stream has ended. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#isOver) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /** Reads no more. */
  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  async cut(): Promise<void> {
    this.#request.destroy();
    await this.ended;
  }

  #news(): void {
    for (const resolve of this.#wake.splice(0)) resolve();
  }
}

/** An answer that is no stream. */
export interface NoStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Asks for an event stream. */
export async function askStream(
  url: string,
  headers: Readonly<Record<string, string | readonly string[]>>,
  method = 'GET',
  body?: string | Buffer,
): Promise<StreamClient | NoStream> {
  const asked = request(url.replace(/^ws/, 'http'), {
    method,
    agent: false,
    headers: { Accept: 'text/event-stream', ...headers },
  });
  asked.on('error', () => undefined);
  asked.end(body);
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return new StreamClient(asked, response);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

/** Asks for an event stream that must be admitted. */
export async function openStream(
  url: string,
  headers: Readonly<Record<string, string | readonly string[]>>,
): Promise<StreamClient> {
  const answer = await askStream(url, headers);
  if (answer instanceof StreamClient) return answer;
  throw new Error(`expected 200, got ${answer.status}: ${answer.body}`);
}
