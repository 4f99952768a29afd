import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';

/** The end of a socket. */
export interface SocketEnd {
  /** The bridge closed it with this; undefined when it did not. */
  readonly closedWith: CloseCode | undefined;
  /** RFC 6455 §7.1.5. */
  readonly code: number;
  /** Whether its token or its user's was revoked. */
  readonly isRevoked: boolean;
  /** Whether its client broke a rule of RFC 6455, and was closed for that. */
  readonly isAtFault: boolean;
  /** How long it was open, in milliseconds. */
  readonly livedMs: number;
}

/**
 * Whether its user may open the next socket without a charge while this one's token is about to expire: as for one that expired.
 * @param returnAfterMs as for {@link mayReturn}
 */
export function mayRenew(livedMs: number, returnAfterMs: number): boolean {
  const { tokenExpired } = CLOSE_CODES;
  return mayReturn(
    { closedWith: tokenExpired, code: tokenExpired.code, isRevoked: false, isAtFault: false, livedMs },
    returnAfterMs,
  );
}

/** RFC 6455 §7.1.5: the TCP connection ended without a close frame. */
const ABNORMAL = 1006;

/**
 * Whether its user may come back without a charge to the gatekeeper's limits (PROTOCOL.md §9). A bridge that ends is reason
 * enough. Every other reason can be a client's own doing, so that its socket must have lived for a while: who cuts itself in a
 * loop gains nothing.
 * @param returnAfterMs that a socket has to live, in milliseconds; 0 when nobody may
 */
export function mayReturn(
  { closedWith, code, isRevoked, isAtFault, livedMs }: SocketEnd,
  returnAfterMs: number,
): boolean {
  if (returnAfterMs === 0) return false;
  if (closedWith === CLOSE_CODES.serviceRestart) return true;
  if (livedMs < returnAfterMs || isRevoked || isAtFault) return false;
  if (closedWith === undefined) return code === ABNORMAL;
  return closedWith === CLOSE_CODES.tokenExpired || closedWith === CLOSE_CODES.tooSlow;
}

/**
 * Whether its client may come back for its locks. Not when its right ended, and not when its page went away, which forgets the holder.
 */
export function mayHaveLocksAgain({
  closedWith,
  code,
  isRevoked,
}: Pick<SocketEnd, 'closedWith' | 'code' | 'isRevoked'>): boolean {
  const { forbidden, goingAway } = CLOSE_CODES;
  if (isRevoked || closedWith === forbidden) return false;
  return closedWith !== undefined || code !== goingAway.code;
}
