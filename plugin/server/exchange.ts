import type { Kong, PdkHeaders } from '../kong';
import { ProtocolError } from './frame';
import {
  decodeHeaders,
  decodeRoute,
  decodeString,
  encodeExit,
  encodeHeaders,
  encodeInt,
  encodeRpcReturn,
  encodeString,
} from './messages';

const EMPTY = new Uint8Array(0);
const DEFAULT_MAX_HEADERS = 100;

/** The exchange is over (exit was called, or Kong is gone): no further call can be made in it. */
export class ExchangeEndedError extends Error {
  override readonly name = 'ExchangeEndedError';
  readonly code = 'ERR_EXCHANGE_ENDED';
}

/** Takes Kong's answer to one PDK call. */
export type ReplyHandler = (frame: Buffer) => void;

/** What an exchange needs of its connection. */
export interface ExchangeTransport {
  write(frames: readonly Uint8Array[]): void;
  /** Kong answers in order: the handler gets the next answer that no earlier one takes. */
  expectReply(handler: ReplyHandler): void;
}

/**
 * One `handle_event`: the PDK for one request. Calls without a result are held back and written together with the
 * next call that has one, or with the end; calls made together are sent together. So an admitted upgrade costs two round
 * trips, however much of the request is asked for.
 */
export class Exchange {
  readonly #transport: ExchangeTransport;
  readonly #sequence: Parameters<typeof encodeRpcReturn>[0];
  #held: Uint8Array[] = [];
  #heldReplies = 0;
  #ended = false;
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(transport: ExchangeTransport, sequence: Parameters<typeof encodeRpcReturn>[0]) {
    this.#transport = transport;
    this.#sequence = sequence;
  }

  /** Whether nothing more can be said in this exchange. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The PDK as the plugin sees it. */
  readonly kong: Kong = {
    request: {
      getHeaders: async (max = DEFAULT_MAX_HEADERS): Promise<PdkHeaders> =>
        decodeHeaders(await this.#ask('kong.request.get_headers', encodeInt(max))),
      getPath: async () => decodeString(await this.#ask('kong.request.get_path', EMPTY)),
      getRawQuery: async () => decodeString(await this.#ask('kong.request.get_raw_query', EMPTY)),
    },
    client: {
      getForwardedIp: async () => decodeString(await this.#ask('kong.client.get_forwarded_ip', EMPTY)),
    },
    router: {
      getRoute: async () => decodeRoute(await this.#ask('kong.router.get_route', EMPTY)),
    },
    service: {
      request: {
        setHeaders: (headers) => this.#tell('kong.service.request.set_headers', encodeHeaders(headers)),
        clearHeader: (name) => this.#tell('kong.service.request.clear_header', encodeString(name)),
        setRawQuery: (rawQuery) => this.#tell('kong.service.request.set_raw_query', encodeString(rawQuery)),
      },
    },
    response: {
      setHeaders: (headers) => this.#tell('kong.response.set_headers', encodeHeaders(headers)),
      exit: (status, body, headers) => this.#exit(encodeExit(status, body, headers)),
    },
  };

  /** Ends the calls and returns to Kong, in one write with what was held back. */
  finish(): void {
    if (this.#ended) return;
    this.#flush([EMPTY, encodeRpcReturn(this.#sequence)]);
    this.#ended = true;
  }

  /** Drops what was held back: the plugin failed, and what it had begun to say must not take effect. */
  discard(): void {
    this.#held = [];
    this.#heldReplies = 0;
  }

  /** Kong is gone: whoever waits for an answer is told so. */
  abandon(): void {
    this.#ended = true;
    for (const reject of this.#waiting) reject(new ExchangeEndedError('Kong closed the connection'));
  }

  #tell(method: string, args: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.reject(new ExchangeEndedError(`${method} after the end`));
    this.#held.push(Buffer.from(method), args);
    this.#heldReplies += 1;
    return Promise.resolve();
  }

  #ask(method: string, args: Uint8Array): Promise<Buffer> {
    if (this.#ended) return Promise.reject(new ExchangeEndedError(`${method} after the end`));
    this.#flush([Buffer.from(method), args]);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#transport.expectReply((frame) => {
        this.#waiting.delete(reject);
        resolve(frame);
      });
    });
  }

  // Kong answers nothing to exit and closes the connection (kong-transcripts: rejected upgrade).
  #exit(args: Uint8Array): Promise<void> {
    if (this.#ended) return Promise.reject(new ExchangeEndedError('kong.response.exit after the end'));
    this.#flush([Buffer.from('kong.response.exit'), args]);
    this.#ended = true;
    return Promise.resolve();
  }

  #flush(frames: readonly Uint8Array[]): void {
    const replies = this.#heldReplies;
    this.#transport.write([...this.#held, ...frames]);
    this.discard();
    for (let i = 0; i < replies; i += 1) this.#transport.expectReply(expectEmpty);
  }
}

function expectEmpty(frame: Buffer): void {
  if (frame.length > 0) throw new ProtocolError('expected an empty answer');
}
