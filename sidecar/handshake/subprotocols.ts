import { PLAIN_SUBPROTOCOL, SUBPROTOCOL } from '../../protocol/frames';

/**
 * The subprotocol that is agreed to (RFC 6455 §4.2.2): `bridge.v1` before `plain.v1`, before the first offered one that the
 * operator lists. Never anything else: an offer may be somebody's token.
 * @param offers the client's, in its order
 * @param listed the operator's, whose frames are as plain as `plain.v1`'s
 */
export function selectSubprotocol(
  offers: ReadonlySet<string>,
  listed: ReadonlySet<string>,
): string | undefined {
  if (offers.has(SUBPROTOCOL)) return SUBPROTOCOL;
  if (offers.has(PLAIN_SUBPROTOCOL)) return PLAIN_SUBPROTOCOL;
  return [...offers].find((offer) => listed.has(offer));
}
