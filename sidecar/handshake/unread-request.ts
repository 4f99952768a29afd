import { badRequest, HEADERS_TOO_LARGE, REQUEST_TIMEOUT, type Refusal } from '../http/refusal';

/** Why Node emits `clientError`, and nothing was said yet to the one who is there. */
const GONE = ['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'];

/**
 * The refusal for a client whose request Node could not read or did not wait for; undefined when nobody waits for an
 * answer.
 */
export function unreadRefusal({ code = '' }: NodeJS.ErrnoException): Refusal | undefined {
  if (GONE.includes(code)) return undefined;
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return HEADERS_TOO_LARGE;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return REQUEST_TIMEOUT;
    default:
      // Node's code names what is wrong and quotes nothing.
      return badRequest(`expected a request of HTTP/1.1 (${code})`);
  }
}
