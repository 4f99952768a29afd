import { claimsOf } from './claims.ts';

// A timer that rang a moment early would find the same token and a moment left, and open a connection for that.
const SHORTEST_MS = 1_000;

/**
 * In how many milliseconds to open the connection that takes over from one that was opened with this token. It is
 * `renewBeforeMs` before the token expires, and up to half as much earlier, so that clients of one moment spread out.
 * @param nowMs since the epoch: `exp` is a moment that the issuer named
 * @param random in [0, 1)
 * @returns undefined when the token does not say when it expires, or leaves less than a second. Then the bridge's 4401 ends
 *   the connection, and the next one resumes
 */
export function renewalDelayMs(
  token: string,
  nowMs: number,
  random: number,
  renewBeforeMs: number,
): number | undefined {
  const { exp } = claimsOf(token);
  if (typeof exp !== 'number') return undefined;
  const delayMs = exp * 1000 - renewBeforeMs * (1 + random / 2) - nowMs;
  return delayMs > SHORTEST_MS ? delayMs : undefined;
}
