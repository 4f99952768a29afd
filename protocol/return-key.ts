import { escapeSegment } from './channels';

/** A return is good for so long, in milliseconds. */
export const RETURN_LIFETIME_MS = 120_000;

/**
 * A socket leaves its return so long before its token expires, in milliseconds: a client that renews its token opens the next
 * connection before that (PROTOCOL.md §9).
 */
export const RETURN_BEFORE_EXPIRY_MS = 60_000;

/** A longer path has no returns, in characters: its key would be long as well. */
export const MAX_RETURN_PATH_LENGTH = 512;

/**
 * The Redis key of a user's returns to a path (PROTOCOL.md §9), in the slot of the tenant's limits. It is a list of texts
 * `"<end, milliseconds since the epoch> <count>"`, oldest first. A bridge appends to it, and the gatekeeper takes from it.
 * @param prefix of the environment; empty for none
 * @returns undefined for a path that is too long
 */
export function returnKey(
  prefix: string,
  tenantId: string,
  userId: string,
  path: string,
): string | undefined {
  if (path.length > MAX_RETURN_PATH_LENGTH) return undefined;
  const [tenant, user, to] = [tenantId, userId, path].map(escapeSegment);
  return `${prefix}ws:return:{${tenant}}:${user}:${to}`;
}
