import type { Kong } from '../kong';
import { ProtocolError } from './protobuf/frame';
import { constantFrame, type FrameWriter } from './protobuf/frame-writer';
import { writeRpcReturn } from './protobuf/messages';
import { pdkOf } from './pdk';

/** Ends the calls. */
const NOTHING = constantFrame('');

/** The exchange is over (exit was called, or Kong is gone): no further call can be made in it. */
export class ExchangeEndedError extends Error {
  override readonly name = 'ExchangeEndedError';
  readonly code = 'ERR_EXCHANGE_ENDED';
}

/** Who waits for Kong's answer to a PDK call. */
export interface Awaiting {
  take(frame: Buffer): void;
  /** There will be none. */
  fail(error: Error): void;
}

/** Writes frames of an exchange. */
export type FrameSource = (out: FrameWriter) => void;

/** An exchange needs these of its connection. */
export interface ExchangeTransport {
  /** Writes all of it in one write. */
  write(sources: readonly FrameSource[]): void;
  /** Kong answers in order: each of these takes the next answer that no earlier one takes. */
  expect(answers: readonly Awaiting[]): void;
}

/**
 * One `handle_event`: the PDK for one request. Calls without a result are held back. They are written together with the
 * next call that has one, or with the end. Calls made together are sent together. So an admitted upgrade costs two
 * round trips, however much of the request is asked for.
 */
export class Exchange {
  readonly #transport: ExchangeTransport;
  readonly #sequence: number | bigint;
  #sources: FrameSource[] = [];
  #answers: Awaiting[] = [];
  #ended = false;
  #flushing = false;

  /** The PDK as the plugin sees it. */
  readonly kong: Kong;

  constructor(transport: ExchangeTransport, sequence: number | bigint) {
    this.#transport = transport;
    this.#sequence = sequence;
    this.kong = pdkOf(this);
  }

  /** Whether nothing more can be said in this exchange. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Makes a call that has no result. */
  tell(source: FrameSource): Promise<void> {
    if (this.#ended) return Promise.reject(ended());
    this.#sources.push(source);
    this.#answers.push(NO_RESULT);
    return DONE;
  }

  /** Makes a call and waits for its result. */
  ask<T>(source: FrameSource, read: (frame: Buffer) => T): Promise<T> {
    if (this.#ended) return Promise.reject(ended());
    this.#sources.push(source);
    this.#flushSoon();
    return new Promise((resolve, reject) => {
      this.#answers.push(new Result(read, resolve, reject));
    });
  }

  /** Makes the last call: Kong answers nothing to it and closes the connection (kong-transcripts: rejected upgrade). */
  exit(source: FrameSource): Promise<void> {
    if (this.#ended) return Promise.reject(ended());
    this.#end(source);
    return DONE;
  }

  /** Ends the calls and returns to Kong, in one write with what was held back. */
  finish(): void {
    if (this.#ended) return;
    const sequence = this.#sequence;
    this.#end((out) => {
      out.constant(NOTHING);
      writeRpcReturn(out, sequence);
    });
  }

  /** Drops what was held back: the plugin failed, and what it had begun to say must not take effect. */
  discard(): void {
    this.#drop(new ExchangeEndedError('what was asked was not sent'));
  }

  /** Kong is gone: whoever waits for an answer that was not even asked for yet is told so. */
  abandon(): void {
    this.#ended = true;
    this.#drop(kongIsGone());
  }

  #drop(error: Error): void {
    for (const answer of this.#answers) answer.fail(error);
    this.#sources = [];
    this.#answers = [];
  }

  #end(last: FrameSource): void {
    this.#sources.push(last);
    this.#flush();
    this.#ended = true;
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flushing = false;
      if (!this.#ended) this.#flushForAsking();
    });
  }

  #flushForAsking(): void {
    try {
      this.#flush();
    } catch {
      // Those who asked have been told, and so the plugin.
    }
  }

  #flush(): void {
    if (this.#sources.length === 0) return;
    const sources = this.#sources;
    const answers = this.#answers;
    this.#sources = [];
    this.#answers = [];
    try {
      this.#transport.write(sources);
    } catch (cause) {
      for (const answer of answers) answer.fail(cause as Error);
      throw cause;
    }
    this.#transport.expect(answers);
  }
}

const DONE = Promise.resolve();

function ended(): ExchangeEndedError {
  return new ExchangeEndedError('the exchange is over');
}

/** The error for callers who wait for an answer when Kong closes the connection. */
export function kongIsGone(): ExchangeEndedError {
  return new ExchangeEndedError('Kong closed the connection');
}

const NO_RESULT: Awaiting = {
  take(frame) {
    if (frame.length > 0) throw new ProtocolError(`expected an empty answer, got ${frame.length} bytes`);
  },
  fail: () => undefined,
};

class Result<T> implements Awaiting {
  readonly #read: (frame: Buffer) => T;
  readonly #resolve: (result: T) => void;
  readonly fail: (error: Error) => void;

  constructor(read: (frame: Buffer) => T, resolve: (result: T) => void, reject: (error: Error) => void) {
    this.#read = read;
    this.#resolve = resolve;
    this.fail = reject;
  }

  // A result that is none is the plugin's to refuse: Kong repeats a closed call for ever.
  take(frame: Buffer): void {
    try {
      this.#resolve(this.#read(frame));
    } catch (cause) {
      this.fail(cause as Error);
    }
  }
}
