import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import type { WebSocketLike } from '../../client/src/index';
import { CLOSE_CODES } from '../../protocol/close-codes';
import { CONTROL_TYPE_PREFIX, PING_MESSAGE, PONG_FRAME } from '../../protocol/frames';
import { EventStreamParser, type StreamEvent } from '../fakes/event-source';

/** Who is told of what happens on a socket. */
export interface SocketWatcher {
  message(data: Buffer, binary: boolean): void;
  close(code: number): void;
  error(message: string): void;
}

type Refused = (request: unknown, answer: IncomingMessage) => void;

const BEARER = 'bearer.';
/** RFC 6455 §7.1.5: the connection ended without a close frame. */
const ABNORMAL = 1006;
const UNAUTHORIZED = 401;
/** A message that is posted is given up after this, in milliseconds. */
const POST_TIMEOUT_MS = 20_000;

/**
 * A WebSocket for `ws-bridge-client` that is none: it gets its frames as an event stream, and posts its messages (PROTOCOL.md §11). A ping is
 * answered once something comes, if only a comment.
 */
export class StreamSocket implements WebSocketLike {
  binaryType = '';
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly #url: URL;
  readonly #authorization: string;
  readonly #watcher: SocketWatcher;
  readonly #parser = new EventStreamParser();
  readonly #asked: ClientRequest;
  #onRefused: Refused | undefined;
  #read = 0;
  #isAsked = false;
  #code = ABNORMAL;
  #reason = '';

  constructor(url: string, protocols: readonly string[], watcher: SocketWatcher) {
    this.#url = new URL(url.replace(/^ws/, 'http'));
    const token = protocols.find((offer) => offer.startsWith(BEARER)) ?? '';
    this.#authorization = `Bearer ${token.slice(BEARER.length)}`;
    this.#watcher = watcher;
    const headers = { Accept: 'text/event-stream', Authorization: this.#authorization };
    this.#asked = request(this.#url, { agent: false, headers });
    this.#asked.on('error', ({ message }) => {
      watcher.error(message);
      this.#close();
    });
    this.#asked.once('response', (response) => {
      this.#answered(response);
    });
    this.#asked.end();
  }

  /** As ws has it: told of an answer that is no stream. */
  on(_event: 'unexpected-response', listener: Refused): void {
    this.#onRefused = listener;
  }

  send(data: never): void {
    const text = data as string;
    if (text === PING_MESSAGE) this.#isAsked = true;
    else void this.#post(text);
  }

  close(): void {
    this.#asked.destroy();
    this.#close();
  }

  #answered(response: IncomingMessage): void {
    response.on('error', () => undefined);
    if (response.statusCode !== 200) {
      this.readyState = 3;
      this.#onRefused?.(undefined, response);
      return;
    }
    this.readyState = 1;
    this.onopen?.({} as never);
    response.on('data', (chunk: Buffer) => {
      this.#parser.push(chunk);
      for (const event of this.#parser.events.slice(this.#read)) this.#take(event);
      this.#read = this.#parser.events.length;
      if (this.#isAsked) this.#emit(PONG_FRAME);
      this.#isAsked = false;
    });
    response.once('close', () => {
      this.#close();
    });
  }

  #take({ type, data }: StreamEvent): void {
    if (type === 'message') this.#emit(data);
    else if (type === 'close') {
      const { code, reason } = JSON.parse(data) as { readonly code: number; readonly reason: string };
      [this.#code, this.#reason] = [code, reason];
    } else {
      if (type === 'ready') this.#name(data);
      this.#emit(`{"type":"${CONTROL_TYPE_PREFIX}${type}","data":${data}}`);
    }
  }

  /** Messages go to the session of the stream. */
  #name(ready: string): void {
    const { session } = JSON.parse(ready) as { readonly session?: string };
    this.#url.search = session === undefined ? '' : `?session=${session}`;
  }

  #emit(text: string): void {
    if (this.readyState !== 1) return;
    this.#watcher.message(Buffer.from(text), false);
    this.onmessage?.({ data: text } as never);
  }

  #close(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#watcher.close(this.#code);
    this.onclose?.({ code: this.#code, reason: this.#reason } as never);
  }

  async #post(text: string): Promise<void> {
    const { id } = JSON.parse(text) as { readonly id: string };
    const answer = await this.#posted(text);
    if (answer?.status === 202) this.#emit(answer.body);
    else if (answer === undefined || answer.status === UNAUTHORIZED) this.#giveUp(answer);
    else this.#emit(JSON.stringify({ type: 'bridge.error', data: { ...errorOf(answer.body), id } }));
  }

  /** Answers to messages are no sign that the stream lives: where they fail, it is opened anew, and they are sent again then. */
  #giveUp(answer: object | undefined): void {
    if (answer !== undefined)
      [this.#code, this.#reason] = [CLOSE_CODES.tokenExpired.code, 'a message was refused'];
    this.#asked.destroy();
    this.#close();
  }

  async #posted(text: string): Promise<{ readonly status: number; readonly body: string } | undefined> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: {
          Authorization: this.#authorization,
          'Content-Type': 'application/json',
          Connection: 'close',
        },
        body: text,
        signal: AbortSignal.timeout(POST_TIMEOUT_MS),
      });
      return { status: response.status, body: await response.text() };
    } catch {
      return undefined;
    }
  }
}

/** Without an answer of a bridge it may have happened: the client sends it again. */
function errorOf(body: string): { readonly code: string; readonly message: string } {
  try {
    const { code = 'UNAVAILABLE', message } = JSON.parse(body) as { code?: string; message: string };
    return { code, message };
  } catch {
    return { code: 'UNAVAILABLE', message: 'no answer' };
  }
}
