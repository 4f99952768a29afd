import type { ConnectError } from './errors.ts';
import { MAX_BODY_CHARACTERS, refusalOf } from './refusal.ts';
import type { WebSocketLike } from './web-socket.ts';

/** As much of Node's `IncomingMessage` as is used. */
interface Answer {
  readonly statusCode?: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  setEncoding(encoding: 'utf8'): void;
  on(event: 'data' | 'close', listener: (chunk: string) => void): void;
}

/** The WebSocket of `ws`, which alone tells how a handshake was refused. It leaves the rest to who listens. */
interface TellingSocket {
  on?(event: 'unexpected-response', listener: (request: unknown, answer: Answer) => void): void;
}

/**
 * Listens for an answer to the handshake other than 101.
 * @param told what is known of it: at first without what its body says, then, when `isAll`, with it
 */
export function onRefusal(
  socket: WebSocketLike,
  nowMs: () => number,
  told: (refusal: ConnectError, isAll: boolean) => void,
): void {
  (socket as TellingSocket).on?.('unexpected-response', (_, answer) => {
    let body = '';
    let isTold = false;
    const tell = (isAll: boolean): void => {
      if (isTold) return;
      isTold = isAll;
      const { statusCode = 0, headers } = answer;
      told(
        refusalOf(statusCode, (name) => headers[name], body, nowMs()),
        isAll,
      );
    };
    tell(false);
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => {
      body += chunk;
      if (body.length <= MAX_BODY_CHARACTERS) return;
      // It is longer than that of a refusal.
      body = '';
      tell(true);
    });
    // Also when it is cut short.
    answer.on('close', () => {
      tell(true);
    });
  });
}
