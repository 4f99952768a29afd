import {
  ASSERTION_CLOCK_TOLERANCE_SECONDS,
  ASSERTION_LIFETIME_SECONDS,
  type Assertion,
} from '../../protocol/assertion';
import type { Revocation } from './revocation';

/** How far ahead of the bridge's clock that may be at which the gatekeeper admitted an upgrade, in milliseconds. */
const TOLERANCE_MS = ASSERTION_CLOCK_TOLERANCE_SECONDS * 1000;

/**
 * How long a revocation meets upgrades, in milliseconds: none that the gatekeeper admitted before it is accepted
 * later. An assertion may begin as much too late as its end may be taken too late.
 */
const KEPT_MS = ASSERTION_LIFETIME_SECONDS * 1000 + 2 * TOLERANCE_MS;

/**
 * The revocations of the last seconds. An upgrade that the gatekeeper admitted before one may reach the bridge after
 * it, and would otherwise stay open up to its token's end.
 */
export class RecentRevocations {
  /** When each was heard, by the monotonic clock, the oldest first. */
  readonly #heardMs = new Map<string, number>();

  /** @param monotonicMs a clock that nobody sets, in milliseconds */
  add(revocation: Revocation, monotonicMs: number): void {
    for (const [key, heardMs] of this.#heardMs) {
      if (heardMs > monotonicMs - KEPT_MS) break;
      this.#heardMs.delete(key);
    }
    const key =
      'jti' in revocation ? keyOf(revocation.jti) : keyOf(revocation.tenant, revocation.user ?? null);
    this.#heardMs.delete(key);
    this.#heardMs.set(key, monotonicMs);
  }

  /**
   * Whether one of them may have come after the gatekeeper admitted this caller. A token that was revoked stays so,
   * whenever that was; a tenant or a user may log in again, so that time decides there. When one was heard is told by
   * its age and the clock as it is now: of a clock that was set back since, it would stay ahead of whoever logs in again.
   * @param nowMs since the epoch
   * @param monotonicMs that of {@link add}
   */
  reach(
    { identity, tokenJti, iat }: Pick<Assertion, 'identity' | 'tokenJti' | 'iat'>,
    nowMs: number,
    monotonicMs: number,
  ): boolean {
    if (this.#heardMs.size === 0) return false;
    if (tokenJti !== undefined && this.#heardMs.has(keyOf(tokenJti))) return true;
    const { tenantId, userId } = identity;
    const admittedMs = iat * 1000 - TOLERANCE_MS - nowMs + monotonicMs;
    return [keyOf(tenantId, null), keyOf(tenantId, userId)].some(
      (key) => (this.#heardMs.get(key) ?? -Infinity) >= admittedMs,
    );
  }
}

function keyOf(...names: readonly (string | null)[]): string {
  return JSON.stringify(names);
}
