import { PLAIN_SUBPROTOCOL, SUBPROTOCOL } from '../../protocol/frames';

/** RFC 6455 §4.1: a token of RFC 2616 §2.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Reads a list of subprotocols; undefined when one of them cannot be selected. */
export function readSubprotocols(text: string): readonly string[] | undefined {
  if (text.trim() === '') return [];
  const names = text.split(',').map((name) => name.trim());
  const fit = names.every((name) => TOKEN.test(name) && name !== SUBPROTOCOL && name !== PLAIN_SUBPROTOCOL);
  return fit ? names : undefined;
}
