import { CLOSE_CODES } from '../../protocol/close-codes.ts';
import {
  CONTROL_FRAME_PREFIX,
  CONTROL_TYPE_PREFIX,
  PING_MESSAGE,
  PONG_FRAME,
} from '../../protocol/frames.ts';
import { parseObject } from './parse-frame.ts';
import type { Fetch } from './asked-refusal.ts';
import { forbiddenReason } from './forbidden.ts';
import { PostedMessages, type MessageData, type StreamAnswer, type StreamFetch } from './posted-messages.ts';
import type { WebSocketLike } from './web-socket.ts';
import { EventParser, type StreamEvent } from './event-parser.ts';
import { MAX_BODY_CHARACTERS } from './refusal.ts';
import type { TransportTrial } from './transport-trial.ts';
import type { Unposted } from './unposted.ts';

/** How a stream is asked for. */
export interface StreamSettings {
  readonly fetch: StreamFetch;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicNow: () => number;
  /** The prefix of the token among the subprotocols. */
  readonly bearerPrefix: string;
  /** Those of streams before it, and its own once it is closed. */
  readonly unposted: Unposted;
  /** Told what becomes of it. */
  readonly trial: TransportTrial;
  /** Called at its end. */
  readonly over: () => void;
}

const [CONNECTING, OPEN, CLOSED] = [0, 1, 3];
const ACK = `${CONTROL_FRAME_PREFIX}ack"`;
/** RFC 6455 §7.4.1: the end of a connection that nobody announced. */
const ABNORMAL = 1006;
/** The bridge sends a comment each 15 seconds: one that was heard since then is alive. */
const ALIVE_MS = 20_000;
/** So long after the last of them it is dead. */
const SILENT_MS = 40_000;

/** The frames of a route over an event stream (PROTOCOL.md §11), in the shape of a WebSocket. */
export class EventStreamSocket extends EventTarget implements WebSocketLike {
  binaryType = 'arraybuffer';
  readyState = CONNECTING;
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;
  readonly #settings: StreamSettings;
  readonly #over = new AbortController();
  readonly #messages: PostedMessages;
  /** Where messages go, with what `ready` told: the session that the bridge made, and the client's name among its peers. */
  readonly #target: URL;
  readonly #parser = new EventParser();
  readonly #hears = (frame: string): void => {
    this.#answered(frame);
  };
  #heardMs = 0;
  #owesPong = false;

  /** @param url that of a WebSocket */
  constructor(url: string, protocols: readonly string[], settings: StreamSettings) {
    super();
    this.#settings = settings;
    const { bearerPrefix } = settings;
    const bearer = protocols.find((protocol) => protocol.startsWith(bearerPrefix)) ?? bearerPrefix;
    const token = bearer.slice(bearerPrefix.length);
    const address = url.replace(/^ws/, 'http');
    this.#target = new URL(address);
    for (const name of ['resume', 'state']) this.#target.searchParams.delete(name);
    const place = {
      ...{ fetch: settings.fetch, token, url: () => this.#target.href },
      before: () => settings.unposted.before(this.#place),
    };
    this.#messages = new PostedMessages(place, {
      answered: (frame) => {
        if (this.readyState !== CLOSED) this.#answered(frame);
        // One that was refused may be sent again by now, and be taken.
        else if (frame.startsWith(ACK)) settings.unposted.acknowledged(this.#place, frame);
      },
      lost: (code, reason) => {
        this.#end(code, reason);
      },
    });
    void this.#run(address, token);
  }

  send(data: MessageData): void {
    if (this.readyState !== OPEN) return;
    if (data === PING_MESSAGE) this.#ask();
    else this.#messages.add(data);
  }

  close(): void {
    this.#settings.trial.dropped();
    this.end(ABNORMAL, '');
  }

  /** Ends the stream, with what a WebSocket would say of its end. Its messages go out yet, as a socket's do that is closed. */
  end(code: number, reason: string): void {
    if (this.readyState === OPEN) this.#settings.unposted.keep(this.#place, this.#messages.rest);
    this.#end(code, reason);
  }

  /** Ends it for another way, once its messages are out or were waited for long enough: those of that way would be there first. */
  async giveWay(code: number, reason: string): Promise<void> {
    const { unposted } = this.#settings;
    unposted.keep(this.#place, this.#messages.rest);
    await unposted.before(this.#place);
    this.end(code, reason);
  }

  #end(code: number, reason: string): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.#over.abort();
    const { trial, unposted, over } = this.#settings;
    trial.ended();
    unposted.leave(this.#hears);
    over();
    this.#emit('close', { code, reason });
  }

  /** For the client every message is a sign of life. This one is none of the stream, which may be dead. */
  #answered(frame: string): void {
    if (this.#settings.monotonicNow() - this.#heardMs >= SILENT_MS)
      this.end(ABNORMAL, 'the stream is silent');
    else this.#emit('message', { data: frame });
  }

  /** The same for all streams of one client, each of which has a name of its own among its peers. */
  get #place(): string {
    const place = new URL(this.#target);
    place.searchParams.delete('peer');
    return place.href;
  }

  /** A stream that was heard of lately is alive. Otherwise the next that comes is the answer. */
  #ask(): void {
    this.#owesPong = true;
    if (this.#settings.monotonicNow() - this.#heardMs >= ALIVE_MS) return;
    queueMicrotask(() => {
      this.#pong();
    });
  }

  async #run(url: string, token: string): Promise<void> {
    try {
      // Called by its name alone: a browser's is of no object but its window.
      const { fetch } = this.#settings;
      const response = await fetch(url, {
        headers: { Accept: 'text/event-stream', Authorization: `Bearer ${token}` },
        cache: 'no-store',
        redirect: 'error',
        signal: this.#over.signal,
      });
      const { status, headers, body } = response;
      if (status !== 200 || !body || !headers.get('content-type')?.startsWith('text/event-stream')) {
        await this.#refused(response);
        return;
      }
      this.readyState = OPEN;
      this.#emit('open', {});
      await this.#read(body);
      if (!this.#over.signal.aborted) this.end(ABNORMAL, '');
    } catch (error) {
      if (this.readyState === CLOSED) return;
      this.#emit('error', { message: String(error), error });
      this.end(ABNORMAL, '');
    }
  }

  /** Its client reads the answer: why it was refused, and how long to wait. The bridge tells that nowhere else. */
  async #refused(answer: StreamAnswer): Promise<void> {
    const { status, headers } = answer;
    const said = status < 400 ? '' : await shortBody(answer);
    if (this.readyState === CLOSED) return;
    const forbidden = forbiddenReason(status, said);
    if (forbidden !== undefined) {
      this.#settings.trial.excuse();
      this.end(CLOSE_CODES.forbidden.code, forbidden);
      return;
    }
    const error = new Error(`expected an event stream, got ${status}`);
    const text = (): Promise<string> => Promise.resolve(said);
    const answered: Fetch = () => Promise.resolve({ status, headers, text });
    this.#emit('error', { message: String(error), error, answered });
    this.end(ABNORMAL, '');
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.readyState === CLOSED) return;
      this.#heardMs = this.#settings.monotonicNow();
      for (const event of this.#parser.take(decoder.decode(value, { stream: true }))) this.#tell(event);
      if (this.#owesPong) this.#pong();
    }
  }

  #tell({ type, data }: StreamEvent): void {
    if (this.readyState === CLOSED) return;
    this.#settings.trial.worked();
    if (type === 'message') this.#emit('message', { data });
    else if (type === 'binary') this.#emit('message', { data: bytesOf(data) });
    else if (type === 'close') {
      const { code, reason } = JSON.parse(data) as { readonly code: number; readonly reason: string };
      this.end(code, reason);
    } else {
      if (type === 'ready') this.#keepPlace(data);
      this.#emit('message', { data: `{"type":"${CONTROL_TYPE_PREFIX}${type}","data":${data}}` });
    }
  }

  #emit(type: 'open' | 'message' | 'close' | 'error', fields: object): void {
    const event = Object.assign(new Event(type), fields);
    this[`on${type}`]?.(event as never);
    this.dispatchEvent(event);
  }

  #keepPlace(ready: string): void {
    const told = parseObject(ready) ?? {};
    for (const name of ['session', 'peer']) {
      const value = told[name];
      if (typeof value === 'string') this.#target.searchParams.set(name, value);
    }
    this.#settings.unposted.follow(this.#place, this.#hears);
  }

  #pong(): void {
    if (!this.#owesPong || this.readyState === CLOSED) return;
    this.#owesPong = false;
    this.#emit('message', { data: PONG_FRAME });
  }
}

/** The body of a refusal; empty when it is longer than that of one. */
async function shortBody({ body }: StreamAnswer): Promise<string> {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  while (reader && text.length <= MAX_BODY_CHARACTERS) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  return '';
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer;
}
