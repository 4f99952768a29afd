import { ASSERTION_CLOCK_TOLERANCE_SECONDS } from '../../protocol/assertion';
import { CLOSE_CODES, type CloseCode } from '../../protocol/close-codes';
import type { LoopShares } from '../lib/loop-shares';
import { CallerIndex, isMeant, type OfCaller, type RevocationInTenant } from './caller-index';
import { endOf, type Order } from './order';

/** An open connection, as far as it is ended together with others. */
export interface OpenConnection extends OfCaller {
  readonly routeName: string;
  /** A right of its user's was revoked: that to connect at all, or that to its path. */
  revoke(code: CloseCode): void;
  /** Its client is to come back with a token that is judged anew: it is closed with 4401 at `dueMs` of the clock of durations. */
  reauthorizeAt(dueMs: number): void;
  /** It is closed at `dueMs` of the clock of durations, in milliseconds, once what it sent is finished. */
  retireAt(dueMs: number): void;
  close(code: CloseCode): void;
  terminate(): void;
}

/**
 * So long an order refuses upgrades that may have been admitted before it, in milliseconds. Clocks may differ, and an assertion says
 * its second only.
 */
const REAUTHORIZE_AFTER_MS = (ASSERTION_CLOCK_TOLERANCE_SECONDS + 1) * 1000;
/** Over so long they are closed then, one after the other, in milliseconds: their clients come back all at once. */
const REAUTHORIZE_SPREAD_MS = 4000;
/** An order looks at so many connections in one stretch, and at the first of them at once. To end one takes some microseconds. */
export const ORDER_STEP = 100;
/** Whose work orders are. An order waits for none of its tenant's work, which that can make as much of as it likes. */
const ORDERS = Symbol('orders');
const DRAIN = Symbol('drain');

/** The open connections of a bridge. */
export class OpenConnections {
  readonly #shares: LoopShares;
  readonly #all = new Set<OpenConnection>();
  /** Those that no revocation has met. */
  readonly #byCaller = new CallerIndex<OpenConnection>();
  readonly #onAllClosed: (() => void)[] = [];
  /** When the last one is closed, of a bridge that drains. */
  #drainEndMs: number | undefined;

  /** @param shares of the loop's time, for orders that mean many */
  constructor(shares: LoopShares) {
    this.#shares = shares;
  }

  get size(): number {
    return this.#all.size;
  }

  /** How many tokens and tenants a revocation may name that have some. */
  get revocable(): number {
    return this.#byCaller.size;
  }

  /** Whether they are being closed. A connection that opens then is closed with the last of them. */
  get isDraining(): boolean {
    return this.#drainEndMs !== undefined;
  }

  add(connection: OpenConnection): void {
    this.#all.add(connection);
    this.#byCaller.add(connection);
    if (this.#drainEndMs !== undefined) connection.retireAt(this.#drainEndMs);
  }

  /** It is closed. */
  delete(connection: OpenConnection): void {
    this.#all.delete(connection);
    this.#byCaller.delete(connection);
    if (this.#all.size > 0) return;
    for (const notify of this.#onAllClosed.splice(0)) notify();
  }

  /** Resolves when none is open. */
  async allClosed(): Promise<void> {
    if (this.#all.size === 0) return;
    await new Promise<void>((resolve) => this.#onAllClosed.push(resolve));
  }

  /** Those that are open now, user by user. */
  find(whom: Pick<RevocationInTenant, 'tenant' | 'user'>): Iterable<OpenConnection> {
    return this.#byCaller.among(whom);
  }

  /**
   * Ends those that an order means, of those that are open now. Those that are to be judged anew are closed once no upgrade of theirs
   * is refused for this order: they come back at once, and must not find a closed door. An order that looks at many lets the loop in.
   * @param nowMs of the clock of durations
   * @param onObeyed told how many it met; at once where it looks at few
   */
  obey(order: Order, nowMs: number, onObeyed: (met: number) => void): void {
    const among = this.#byCaller.among(order);
    const steps =
      endOf(order) === 'reauthorized'
        ? this.#reauthorize(order, among, nowMs, onObeyed)
        : this.#revoke(order, among, onObeyed);
    // The first end at once, even where the loop has no time; the others in turn with what else is to be done.
    if (steps.next().done === true) return;
    this.#shares.run(ORDERS, steps);
  }

  *#revoke(
    order: Order,
    among: Iterable<OpenConnection>,
    onObeyed: (met: number) => void,
  ): Generator<undefined, void> {
    const code = endOf(order) === 'forbidden' ? CLOSE_CODES.forbidden : CLOSE_CODES.tokenExpired;
    let [looked, met] = [0, 0];
    for (const connection of among) {
      if (++looked % ORDER_STEP === 0) yield;
      // One that is repeated finds nothing, nor does one that comes meanwhile.
      if (!isMeant(order, connection) || !this.#byCaller.delete(connection)) continue;
      connection.revoke(code);
      met += 1;
    }
    onObeyed(met);
  }

  /** They can still be revoked meanwhile. */
  *#reauthorize(
    order: Order,
    among: Iterable<OpenConnection>,
    nowMs: number,
    onObeyed: (met: number) => void,
  ): Generator<undefined, void> {
    const meant: OpenConnection[] = [];
    let looked = 0;
    for (const connection of among) {
      if (++looked % ORDER_STEP === 0) yield;
      if (isMeant(order, connection)) meant.push(connection);
    }
    const stepMs = REAUTHORIZE_SPREAD_MS / Math.max(1, meant.length);
    let dueMs = nowMs + REAUTHORIZE_AFTER_MS;
    for (const connection of meant) {
      if (++looked % ORDER_STEP === 0) yield;
      connection.reauthorizeAt(dueMs);
      dueMs += stepMs;
    }
    onObeyed(meant.length);
  }

  /** Retires each of them, spread evenly over `drainMs` from `nowMs` of the clock of durations. */
  drain(drainMs: number, nowMs: number): void {
    this.#drainEndMs = nowMs + drainMs;
    const stepMs = drainMs / Math.max(1, this.#all.size);
    // Those that open meanwhile know the end themselves.
    const steps = this.#retire([...this.#all], stepMs, nowMs);
    this.#shares.run(DRAIN, steps);
  }

  *#retire(all: readonly OpenConnection[], stepMs: number, nowMs: number): Generator<undefined, void> {
    let [looked, dueMs] = [0, nowMs];
    for (const connection of all) {
      if (++looked % ORDER_STEP === 0) yield;
      dueMs += stepMs;
      // It may have closed since.
      if (this.#all.has(connection)) connection.retireAt(dueMs);
    }
  }

  closeAll(code: CloseCode): void {
    for (const connection of this.#all) connection.close(code);
  }

  terminateAll(): void {
    for (const connection of this.#all) connection.terminate();
  }
}
