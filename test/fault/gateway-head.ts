import { headersFor } from '../sidecar/fixture';
import { readToken, type TokenClaims } from './token';

const BEARER = 'bearer.';

/** The head of an upgrade request (RFC 9112 §2): its lines, without the empty one. */
export type Head = readonly string[];

/** Takes the head off what a client sent. @returns undefined while it is not all there */
export function splitHead(sent: Buffer): { readonly head: Head; readonly rest: Buffer } | undefined {
  const end = sent.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  return { head: sent.subarray(0, end).toString('latin1').split('\r\n'), rest: sent.subarray(end + 4) };
}

/** The token of a request: among its subprotocols, as browsers send it, or in `Authorization`. */
export function callerOf(head: Head): TokenClaims | undefined {
  const offered = protocolsOf(head).find((offer) => offer.startsWith(BEARER));
  const token = offered?.slice(BEARER.length) ?? /^Bearer (.*)$/.exec(valueOf(head, 'authorization'))?.[1];
  return token === undefined ? undefined : readToken(token);
}

/** The head as the gatekeeper passes it on: with the identity and its assertion, without the token. */
export async function vouchedHead(head: Head, { tenant, user, exp, jti }: TokenClaims): Promise<string> {
  const identity = await headersFor({ tenant, user, exp, ...(jti === undefined ? {} : { jti }) });
  const offers = protocolsOf(head).filter((offer) => !offer.startsWith(BEARER));
  const lines = [
    ...head.filter((line) => !/^(sec-websocket-protocol|authorization):/i.test(line)),
    ...(offers.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${offers.join(',')}`]),
    ...Object.entries(identity).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function protocolsOf(head: Head): string[] {
  const offers = valueOf(head, 'sec-websocket-protocol').split(',');
  return offers.map((offer) => offer.trim()).filter((offer) => offer !== '');
}

function valueOf(head: Head, name: string): string {
  const line = head.find((each) => each.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim() ?? '';
}
