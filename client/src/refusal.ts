import { ConnectError } from './errors.ts';
import type { WebSocketLike } from './web-socket.ts';

const MAX_BODY_CHARACTERS = 4_096;
const MAX_MESSAGE_CHARACTERS = 200;

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
    const tell = (isAll: boolean): void => {
      told(refusalOf(answer, body, nowMs()), isAll);
    };
    tell(false);
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => {
      body += chunk;
      if (body.length > MAX_BODY_CHARACTERS) tell(true);
    });
    // Also when it is cut short.
    answer.on('close', () => {
      tell(true);
    });
  });
}

function refusalOf({ statusCode: status = 0, headers }: Answer, body: string, nowMs: number): ConnectError {
  // A date is meant by the clock of who wrote it, which may be an hour off from this one's.
  const sentMs = Date.parse(String(headers['date']));
  const retryAfterMs = retryAfterMsOf(String(headers['retry-after']), sentMs || nowMs);
  const message = `refused: ${status} ${messageOf(body)}`.trimEnd();
  return new ConnectError('REFUSED', message, { status, retryAfterMs, closeCode: 1006 });
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfterMsOf(text: string, nowMs: number): number | undefined {
  const delayMs = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return delayMs >= 0 ? delayMs : undefined;
}

/** The `message` of a JSON body, as Kong and the bridge send it, fit for a log. */
function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return typeof message === 'string'
      ? message.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_MESSAGE_CHARACTERS)
      : '';
  } catch {
    return '';
  }
}
