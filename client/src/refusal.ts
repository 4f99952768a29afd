import { ConnectError } from './errors.ts';

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
  // A date is meant by the clock of who wrote it, which may be an hour off from this one's.
  const sentMs = Date.parse(String(header('date')));
  const retryAfterMs = retryAfterMsOf(String(header('retry-after')), sentMs || nowMs);
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
