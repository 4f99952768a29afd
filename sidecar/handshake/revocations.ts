import {
  ASSERTION_CLOCK_TOLERANCE_SECONDS,
  ASSERTION_LIFETIME_SECONDS,
  type Assertion,
} from '../../protocol/assertion';
import { endOf, type Order, type OrderedEnd } from '../connection/order';
import { KeyedChain } from '../lib/keyed-chain';

/** How far ahead of the bridge's clock that may be at which the gatekeeper admitted an upgrade, in milliseconds. */
const TOLERANCE_MS = ASSERTION_CLOCK_TOLERANCE_SECONDS * 1000;

/**
 * How long a revocation meets upgrades, in milliseconds: none that the gatekeeper admitted before it is accepted
 * later. An assertion may begin as much too late as its end may be taken too late.
 */
const KEPT_MS = ASSERTION_LIFETIME_SECONDS * 1000 + 2 * TOLERANCE_MS;

/** An order of the last seconds. */
interface Heard {
  /** When it was heard last, by the monotonic clock. */
  readonly ms: number;
  /** The token that it leaves out, where it leaves one out. */
  readonly except: string | undefined;
  /** When it was heard last with another exception. */
  readonly otherMs: number;
}

/** An upgrade that may have been admitted before an order. */
export type OnItsWay = Pick<Assertion, 'identity' | 'tokenJti' | 'iat'>;

/**
 * The orders of the last seconds. An upgrade that the gatekeeper admitted before one may reach the bridge after
 * it, and would otherwise stay open up to its token's end.
 */
export class RecentRevocations {
  /** The oldest first. */
  readonly #heard = new KeyedChain<string, Heard>();

  /** @param monotonicMs a clock that nobody sets, in milliseconds */
  add(order: Order, monotonicMs: number): void {
    this.#heard.deleteWhile(({ ms }) => ms <= monotonicMs - KEPT_MS);
    const key = keyOfOrder(order);
    const except = 'except' in order ? order.except : undefined;
    const before = this.#heard.get(key);
    const otherMs = before === undefined || before.except === except ? before?.otherMs : before.ms;
    this.#heard.set(key, { ms: monotonicMs, except, otherMs: otherMs ?? -Infinity });
  }

  /**
   * The reach of one of them, which may have come after the gatekeeper admitted this caller. A token that was revoked stays so,
   * whenever that was; a tenant or a user may log in again, so that time decides there. The time when one came is told
   * by its age and the clock as it is now. When a clock was set back since, an absolute time would stay ahead of a user
   * who logs in again.
   * @param path of its upgrade, in its one spelling
   * @param nowMs since the epoch
   * @param monotonicMs that of {@link add}
   */
  reach(
    { identity, tokenJti, iat }: OnItsWay,
    path: string,
    nowMs: number,
    monotonicMs: number,
  ): OrderedEnd | undefined {
    if (this.#heard.size === 0) return undefined;
    if (tokenJti !== undefined && this.#heard.has(keyOf('revoked', tokenJti))) return 'revoked';
    const { tenantId, userId } = identity;
    const admittedMs = iat * 1000 - TOLERANCE_MS - nowMs + monotonicMs;
    const wholly = [keyOf('revoked', tenantId, null, null), keyOf('revoked', tenantId, userId, null)];
    if (wholly.some((key) => this.#heardMs(key, tokenJti) >= admittedMs)) return 'revoked';
    const onPath = [null, userId].map((user) => [tenantId, user, path]);
    if (onPath.some((names) => this.#heardMs(keyOf('forbidden', ...names), tokenJti) >= admittedMs))
      return 'forbidden';
    const anywhere = [null, userId].map((user) => [tenantId, user, null]);
    return [...anywhere, ...onPath].some(
      (names) => this.#heardMs(keyOf('reauthorized', ...names), tokenJti) >= admittedMs,
    )
      ? 'reauthorized'
      : undefined;
  }

  /** When an order that means a token was heard last. */
  #heardMs(key: string, tokenJti: string | undefined): number {
    const heard = this.#heard.get(key);
    if (heard === undefined) return -Infinity;
    return heard.except !== undefined && heard.except === tokenJti ? heard.otherMs : heard.ms;
  }
}

function keyOfOrder(order: Order): string {
  const end = endOf(order);
  if ('jti' in order) return keyOf(end, order.jti);
  return keyOf(end, order.tenant, order.user ?? null, order.path ?? null);
}

function keyOf(...names: readonly (string | null)[]): string {
  return JSON.stringify(names);
}
