import {
  Agent as HttpAgent,
  request as requestHttp,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { NoTurnError } from './turns';

/** The largest body of a response that is read, in bytes. */
export const MAX_RESPONSE_BYTES = 64 * 1024;
/** How many requests are under way at once to one host; further ones wait within their timeout. */
export const MAX_SOCKETS = 64;
/** A connection that was idle for so long is not used again, in milliseconds: who forgot it may not say so. */
const IDLE_MS = 10_000;

/** A response. Its body is read with a status of 2xx only. */
export interface PostResponse {
  readonly status: number;
  readonly body: string;
}

/** There was no response at all, in time and whole. */
export class NoResponseError extends Error {
  override readonly name = 'NoResponseError';
}

/** Sends bodies of JSON over connections that stay open. Follows no redirect: where questions go is the operator's to say. */
export class HttpPoster {
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;
  readonly #agents = {
    'http:': new HttpAgent(KEPT),
    'https:': new HttpsAgent(KEPT),
  };

  /**
   * @param headers besides those of the body
   * @param timeoutMs for the whole response, the connection included
   */
  constructor(headers: Readonly<Record<string, string>>, timeoutMs: number) {
    this.#headers = { ...headers, accept: 'application/json', 'content-type': 'application/json' };
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param timeoutMs what is left of the time for the response
   * @throws NoResponseError; NoTurnError where it was not even sent; an Error where the body is too large
   */
  async post(url: string, body: string, timeoutMs = this.#timeoutMs): Promise<PostResponse> {
    const endMs = performance.now() + timeoutMs;
    try {
      return await this.#send(url, body, endMs);
    } catch (cause) {
      // The other side may close an idle connection in the moment in which it is used again. No decision was begun on it.
      if (!(cause instanceof ClosedMeanwhileError)) throw cause;
      return await this.#send(url, body, endMs);
    }
  }

  /** Closes what is open. */
  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #send(url: string, body: string, endMs: number): Promise<PostResponse> {
    return new Promise((resolve, reject) => {
      const request = this.#request(url, body);
      const fail = (error: Error) => {
        reject(error);
        request.destroy();
      };
      const timer = setTimeout(() => {
        const isSent = request.socket !== null;
        fail(
          isSent
            ? new NoResponseError(`no response in ${this.#timeoutMs} ms`)
            : new NoTurnError(`no connection was free in ${this.#timeoutMs} ms`),
        );
      }, endMs - performance.now());
      request.on('response', (response) => {
        receive(response, resolve, fail);
      });
      request.on('error', (error: NodeJS.ErrnoException) => {
        fail(
          request.reusedSocket
            ? new ClosedMeanwhileError(reasonOf(error))
            : new NoResponseError(reasonOf(error)),
        );
      });
      request.on('close', () => {
        clearTimeout(timer);
        fail(new NoResponseError('closed'));
      });
      request.end(body);
    });
  }

  #request(url: string, body: string): ClientRequest {
    const headers = { ...this.#headers, 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', headers };
    return url.toLowerCase().startsWith('https:')
      ? requestHttps(url, { ...options, agent: this.#agents['https:'] })
      : requestHttp(url, { ...options, agent: this.#agents['http:'] });
  }
}

const KEPT = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_MS, scheduling: 'lifo' } as const;

/** An open connection turned out to be closed before anything came. */
class ClosedMeanwhileError extends NoResponseError {}

function receive(
  response: IncomingMessage,
  resolve: (response: PostResponse) => void,
  fail: (error: Error) => void,
): void {
  const { statusCode: status = 0 } = response;
  const isRead = status >= 200 && status <= 299;
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_RESPONSE_BYTES) fail(new Error(`a body of more than ${MAX_RESPONSE_BYTES} bytes`));
    else if (isRead) chunks.push(chunk);
  });
  response.on('end', () => {
    // Without a byte order mark, which is no JSON.
    resolve({ status, body: new TextDecoder().decode(Buffer.concat(chunks)) });
  });
  response.on('error', (error: NodeJS.ErrnoException) => {
    fail(new NoResponseError(reasonOf(error)));
  });
  // Such a status says all: its body is only drained, so that the connection can be used again.
  if (!isRead) resolve({ status, body: '' });
}

/** Without the address, which may name what is inside. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return code ?? message;
}
