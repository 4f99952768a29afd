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
  const delayMs = expirySeconds(token) * 1000 - renewBeforeMs * (1 + random / 2) - nowMs;
  return delayMs > SHORTEST_MS ? delayMs : undefined;
}

/** Reads `exp`, else NaN, without verifying anything: whether the token is any good is the gateway's to say. */
function expirySeconds(token: string): number {
  try {
    const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const { exp } = JSON.parse(atob(payload)) as { readonly exp?: unknown };
    return typeof exp === 'number' ? exp : NaN;
  } catch {
    return NaN;
  }
}
