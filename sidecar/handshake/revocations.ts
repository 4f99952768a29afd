import {
  ASSERTION_CLOCK_TOLERANCE_SECONDS,
  ASSERTION_LIFETIME_SECONDS,
  type Assertion,
} from '../../protocol/assertion';
import { z } from 'zod';
import { idFrom } from '../../protocol/identity';
import type { Logger } from 'pino';
import type { Revocation } from '../connection/caller-index';
import type { Receiver } from '../fanout/deliver';
import type { Metrics } from '../metrics/metrics';

const TYPE = z.literal('revoke');
/** A number, as tokens may have one, is the same id as its digits. */
const NAME = z.unknown().transform((value, context) => {
  const id = idFrom(value);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: 'expected a text, or an integer that JSON carries exactly' });
  return z.NEVER;
});
const REVOCATION = z.union([
  z.strictObject({ type: TYPE, jti: NAME }),
  z.strictObject({ type: TYPE, tenant: NAME, user: NAME.optional() }),
]);

/** Parses a message of the control channel (PROTOCOL.md §6). @returns undefined when it is none of its */
export function parseRevocation(message: Buffer): Revocation | undefined {
  try {
    return REVOCATION.parse(JSON.parse(message.toString('utf8')));
  } catch {
    return undefined;
  }
}

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
   * whenever that was; a tenant or a user may log in again, so that time decides there. The time when one came is told
   * by its age and the clock as it is now. When a clock was set back since, an absolute time would stay ahead of a user
   * who logs in again.
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

/**
 * Hears what services tell every bridge (PROTOCOL.md §6); what is no revocation is logged and ignored.
 * @param channel its name, for the log
 * @param revoke closes the sockets that are meant and returns how many
 */
export function controlReceiver(
  channel: string,
  revoke: (revocation: Revocation) => number,
  metrics: Pick<Metrics, 'revocation'>,
  log: Logger,
): Receiver {
  return {
    senderId: undefined,
    deliver: ({ payload }) => {
      const revocation = parseRevocation(payload);
      if (revocation === undefined) {
        log.warn({ channel }, 'message ignored: expected a revocation');
        return;
      }
      metrics.revocation();
      log.info({ revocation, closed: revoke(revocation) }, 'revoked');
    },
  };
}
