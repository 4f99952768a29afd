import type { LockOutcome } from '../metrics/outcomes';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import { MAX_LOCKS_PER_CALL } from './redis-lock-store';
import type { HeldLock, LockedDocument, LockPlace, LockStore } from './lock-store';

/** After so long a renewal that failed is made again, in milliseconds. */
export const RETRY_MS = 1000;

/** So much before the end of its lease a lock is given up, in milliseconds: a deadline may be noticed two ticks late. */
export const MARGIN_MS = 500;

/** Held locks are kept by these. */
export interface HeldLocksContext {
  readonly store: Pick<LockStore, 'extend'>;
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly leaseMs: number;
  readonly onOutcome: (outcome: LockOutcome) => void;
}

/** A lock that a socket of this bridge holds. */
export interface OwnLock extends HeldLock {
  /** Told once when it is lost. */
  readonly onLost: () => void;
}

interface Kept {
  readonly lock: OwnLock;
  /** The end of its lease, as far as this bridge can be sure. */
  deadline: Timer;
}

interface OfTenant {
  readonly kept: Map<string, Kept>;
  renewal: Timer | undefined;
}

/**
 * The locks that sockets of this bridge hold. All of a tenant are renewed together, three times in a lease. A lock counts from when
 * Redis was asked, and by this host's own clock. So a bridge that stalled, or has no Redis, gives it up before Redis does.
 */
export class HeldLocks {
  readonly #context: HeldLocksContext;
  readonly #onChanged: (document: LockedDocument) => void;
  readonly #tenants = new Map<string, OfTenant>();
  readonly #running = new Set<Promise<unknown>>();

  /** @param onChanged told when Redis has let a lock end, or begun to */
  constructor(context: HeldLocksContext, onChanged: (document: LockedDocument) => void) {
    this.#context = context;
    this.#onChanged = onChanged;
  }

  get size(): number {
    return [...this.#tenants.values()].reduce((sum, { kept }) => sum + kept.size, 0);
  }

  /** The one that this bridge has at a place. */
  at(place: LockPlace): OwnLock | undefined {
    return this.#tenants.get(place.tenantId)?.kept.get(keyOf(place))?.lock;
  }

  /**
   * A socket holds a lock now. One that had it before on this bridge has it no longer.
   * @param sinceMs when Redis was asked for it
   */
  add(lock: OwnLock, sinceMs: number): void {
    const { tenantId } = lock;
    const before = this.at(lock);
    if (before !== undefined) this.#lose(before);
    let own = this.#tenants.get(tenantId);
    if (own === undefined) this.#tenants.set(tenantId, (own = { kept: new Map(), renewal: undefined }));
    own.kept.set(keyOf(lock), { lock, deadline: this.#deadline(lock, sinceMs) });
    this.#renewLater(tenantId, own, this.#context.leaseMs / 3);
    this.#onChanged(lock);
  }

  /** It is not held here any more, for whatever reason. @returns whether it was */
  remove(lock: OwnLock): boolean {
    const own = this.#tenants.get(lock.tenantId);
    const kept = own?.kept.get(keyOf(lock));
    if (own === undefined || kept?.lock !== lock) return false;
    kept.deadline.cancel();
    own.kept.delete(keyOf(lock));
    if (own.kept.size === 0) {
      own.renewal?.cancel();
      this.#tenants.delete(lock.tenantId);
    }
    return true;
  }

  /**
   * Has Redis end locks of one tenant that are not held here any more: at once, or in so many milliseconds.
   * @throws when Redis does not confirm it; they end with their leases then
   */
  async end(locks: readonly OwnLock[], inMs: number): Promise<void> {
    const ended = this.#context.store.extend(locks, inMs);
    this.#run(ended);
    await ended;
    for (const lock of locks) this.#onChanged(lock);
  }

  /** Resolves when Redis has heard of everything, or cannot be reached. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #deadline(lock: OwnLock, sinceMs: number): Timer {
    const { wheel, leaseMs, monotonicMs } = this.#context;
    // An answer may have taken longer than that.
    return wheel.add(Math.max(sinceMs + leaseMs - MARGIN_MS, monotonicMs()), () => {
      this.#lose(lock);
      // A renewal may be on its way, and come to Redis in time.
      this.end([lock], 0).catch(() => undefined);
    });
  }

  #lose(lock: OwnLock): void {
    if (!this.remove(lock)) return;
    this.#context.onOutcome('lost');
    lock.onLost();
  }

  #renewLater(tenantId: string, own: OfTenant, inMs: number): void {
    const { wheel, monotonicMs } = this.#context;
    own.renewal ??= wheel.add(monotonicMs() + inMs, () => {
      own.renewal = undefined;
      void this.#renew(tenantId, own);
    });
  }

  async #renew(tenantId: string, own: OfTenant): Promise<void> {
    const { leaseMs } = this.#context;
    const locks = [...own.kept.values()].map(({ lock }) => lock);
    const parts = Array.from({ length: Math.ceil(locks.length / MAX_LOCKS_PER_CALL) }, (_, part) =>
      this.#renewPart(locks.slice(part * MAX_LOCKS_PER_CALL, (part + 1) * MAX_LOCKS_PER_CALL)),
    );
    const renewed = Promise.all(parts);
    this.#run(renewed);
    const isDone = (await renewed).every(Boolean);
    if (this.#tenants.get(tenantId) === own)
      this.#renewLater(tenantId, own, isDone ? leaseMs / 3 : Math.min(RETRY_MS, leaseMs / 3));
  }

  /** @returns whether Redis has confirmed it */
  async #renewPart(locks: readonly OwnLock[]): Promise<boolean> {
    const { store, monotonicMs, leaseMs } = this.#context;
    const sinceMs = monotonicMs();
    try {
      const lost = new Set(await store.extend(locks, leaseMs));
      for (const lock of locks) {
        if (lost.has(lock)) this.#lose(lock);
        else this.#goOn(lock, sinceMs);
      }
      return true;
    } catch {
      return false;
    }
  }

  #goOn(lock: OwnLock, sinceMs: number): void {
    const kept = this.#tenants.get(lock.tenantId)?.kept.get(keyOf(lock));
    if (kept?.lock !== lock) return;
    kept.deadline.cancel();
    kept.deadline = this.#deadline(lock, sinceMs);
  }

  #run(call: Promise<unknown>): void {
    const settled = call.catch(() => undefined).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }
}

function keyOf({ channel, name }: LockPlace): string {
  return `${name}\n${channel}`;
}
