import {
  ASSERTION_CLOCK_TOLERANCE_SECONDS,
  ASSERTION_LIFETIME_SECONDS,
  type Assertion,
} from '../protocol/assertion';
import type { Revocation } from './revocation';

/** How long a revocation meets upgrades: none that the gatekeeper admitted before it is accepted later, in milliseconds. */
const KEPT_MS = (ASSERTION_LIFETIME_SECONDS + ASSERTION_CLOCK_TOLERANCE_SECONDS) * 1000;

/**
 * The revocations of the last seconds. An upgrade that the gatekeeper admitted before one may reach the bridge after
 * it, and would otherwise stay open up to its token's end.
 */
export class RecentRevocations {
  /** When each was heard, in milliseconds since the epoch, the oldest first. */
  readonly #heardMs = new Map<string, number>();

  add(revocation: Revocation, nowMs: number): void {
    for (const [key, heardMs] of this.#heardMs) {
      if (heardMs > nowMs - KEPT_MS) break;
      this.#heardMs.delete(key);
    }
    const key =
      'jti' in revocation ? keyOf(revocation.jti) : keyOf(revocation.tenant, revocation.user ?? null);
    this.#heardMs.delete(key);
    this.#heardMs.set(key, nowMs);
  }

  /** Whether one of them came after the gatekeeper admitted this caller. */
  reach({ identity, tokenJti, iat }: Pick<Assertion, 'identity' | 'tokenJti' | 'iat'>): boolean {
    const { tenantId, userId } = identity;
    const keys = [keyOf(tenantId, null), keyOf(tenantId, userId)];
    if (tokenJti !== undefined) keys.push(keyOf(tokenJti));
    return keys.some((key) => (this.#heardMs.get(key) ?? 0) >= iat * 1000);
  }
}

function keyOf(...names: readonly (string | null)[]): string {
  return JSON.stringify(names);
}
