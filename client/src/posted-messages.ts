import { CLOSE_CODES } from '../../protocol/close-codes.ts';
import { CONTROL_FRAME_PREFIX, type BridgeErrorCode } from '../../protocol/frames.ts';
import { forbiddenReason } from './forbidden.ts';
import { parseObject } from './parse-frame.ts';
import { retryAfterMsOf } from './retry-after.ts';

/** As much of `fetch` as is used. */
export type StreamFetch = (
  url: string,
  init: {
    readonly method?: 'POST';
    readonly headers: Record<string, string>;
    readonly body?: MessageData;
    readonly cache: 'no-store';
    readonly redirect: 'error';
    readonly signal: AbortSignal;
  },
) => Promise<StreamAnswer>;

/** As much of its answer as is used. */
export interface StreamAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: { get(name: string): string | null };
  readonly body: ReadableStream<Uint8Array> | null;
  text(): Promise<string>;
}

/** A message of a client. */
export type MessageData = string | ArrayBuffer | Uint8Array<ArrayBuffer>;

const LOCK_BEGINNING = `${CONTROL_FRAME_PREFIX}lock"`;
const UNAUTHORIZED = 401;
const CONFLICT = 409;
const TOO_MANY = 429;
// RFC 6455 §7.4.1.
const ABNORMAL = 1006;

/** More messages of one stream do not wait. */
export const MAX_WAITING_POSTS = 1_000;

/** How long the answer to one may take. The bridge itself gives its client 30 seconds to send it. */
export const MAX_ANSWER_MS = 40_000;

/** Where messages are posted to. */
export interface PostPlace {
  readonly fetch: StreamFetch;
  readonly token: string;
  /** Called as late as can be: a stream may learn its session after it was opened. */
  readonly url: () => string;
  /** Resolves once those are out that were sent before them. It is called as late. */
  readonly before: () => Promise<void>;
}

/** The outcomes of messages. */
export interface PostEvents {
  /** The bridge's answer to one, as a control frame. */
  answered(frame: string): void;
  /** It is not known what came of one, or the stream can carry no more. @param code as a WebSocket would be closed */
  lost(code: number, reason: string): void;
}

/** Posts the messages of a client on a stream, one after the other, so that they keep their order (PROTOCOL.md §11). */
export class PostedMessages {
  readonly #place: PostPlace;
  readonly #events: PostEvents;
  readonly #over = new AbortController();
  #waiting = 0;
  #last: Promise<void> | undefined;

  constructor(place: PostPlace, events: PostEvents) {
    this.#place = place;
    this.#events = events;
  }

  /** Resolves once all are out that were added, or are given up. */
  get rest(): Promise<void> {
    return (this.#last ??= this.#place.before());
  }

  add(data: MessageData): void {
    if (this.#waiting === MAX_WAITING_POSTS) {
      this.#lose(ABNORMAL, 'too many messages wait');
      return;
    }
    this.#waiting += 1;
    const kept = copyOf(data);
    this.#last = this.rest.then(() => this.#post(kept));
  }

  /** Posts none of those that wait, and waits for no answer. */
  stop(): void {
    this.#over.abort();
  }

  /** The messages behind one that may be lost would come before it. */
  #lose(code: number, reason: string): void {
    this.stop();
    this.#events.lost(code, reason);
  }

  async #post(data: MessageData): Promise<void> {
    const { fetch, token, url } = this.#place;
    const { signal } = this.#over;
    this.#waiting -= 1;
    if (signal.aborted) return;
    // Those behind it wait for it.
    const timer = setTimeout(() => {
      this.#lose(ABNORMAL, 'a message may be lost: no answer came');
    }, MAX_ANSWER_MS);
    try {
      const answer = await fetch(url(), {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${token}`,
          'Content-Type': typeof data === 'string' ? 'application/json' : 'application/octet-stream',
        },
        body: data,
        cache: 'no-store',
        redirect: 'error',
        signal,
      });
      if (answer.status === UNAUTHORIZED) {
        this.#lose(CLOSE_CODES.tokenExpired.code, 'the token is not accepted any more');
        return;
      }
      const body = await answer.text();
      const forbidden = forbiddenReason(answer.status, body);
      if (forbidden !== undefined) {
        this.#lose(CLOSE_CODES.forbidden.code, forbidden);
        return;
      }
      const frame = answer.ok ? body : refusalFrame(answer, body, data);
      if (frame.startsWith(CONTROL_FRAME_PREFIX)) this.#events.answered(frame);
    } catch (cause) {
      this.#lose(ABNORMAL, `a message may be lost: ${String(cause)}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A socket has the bytes when `send` returns, and its caller may write over them. */
function copyOf(data: MessageData): MessageData {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    : data.slice(0);
}

/** A refusal as a socket would tell it, and how long to wait. Those of the gatekeeper and of others on the way have no code. */
function refusalFrame({ status, headers }: StreamAnswer, body: string, sent: MessageData): string {
  const { code = codeOf(status), message = `answered with ${status}`, id } = parseObject(body) ?? {};
  const retryAfterMs = retryAfterMsOf((name) => headers.get(name), Date.now());
  const data = { code, message, id: id ?? idOf(sent), name: nameOf(sent), retryAfterMs };
  return JSON.stringify({ type: 'bridge.error', data });
}

/**
 * Kong answers with 500, 502 or 504 where it has heard nothing of the gatekeeper or the bridge, which may have taken the message. A
 * session whose stream is open is nobody's where Redis lost it, until its bridge renews it.
 */
function codeOf(status: number): BridgeErrorCode | `HTTP_${number}` {
  if (status >= 500 || status === CONFLICT) return 'UNAVAILABLE';
  return status === TOO_MANY ? 'TOO_MANY_MESSAGES' : `HTTP_${status}`;
}

function idOf(sent: MessageData): unknown {
  return typeof sent === 'string' ? parseObject(sent)?.['id'] : undefined;
}

/** That of a lock, which no stream can hold: who asked for it is to know. */
function nameOf(sent: MessageData): unknown {
  if (typeof sent !== 'string' || !sent.startsWith(LOCK_BEGINNING)) return undefined;
  return (parseObject(sent)?.data as { readonly name?: unknown } | null | undefined)?.name;
}
