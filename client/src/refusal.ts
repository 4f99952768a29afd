import { ConnectError } from './errors.ts';
import { retryAfterMsOf } from './retry-after.ts';

/** How much of an answer's body is read. */
export const MAX_BODY_CHARACTERS = 4_096;

const MAX_MESSAGE_CHARACTERS = 200;

/**
 * The refusal that an HTTP answer is.
 * @param header gives one by its name in lower case
 */
export function refusalOf(
  status: number,
  header: (name: string) => unknown,
  body: string,
  nowMs: number,
): ConnectError {
  const retryAfterMs = retryAfterMsOf(header, nowMs);
  const message = `refused: ${status} ${messageOf(body)}`.trimEnd();
  return new ConnectError('REFUSED', message, { status, retryAfterMs, closeCode: 1006 });
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
