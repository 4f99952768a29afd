import type { CloseCode } from '../../protocol/close-codes';
import { CallerIndex, type OfCaller, type Revocation } from './caller-index';

/** An open connection, as far as it is ended together with others. */
export interface OpenConnection extends OfCaller {
  /** Its token was revoked. */
  revoke(): void;
  /** It is closed at `dueMs` of the clock of durations, in milliseconds, once what it sent is finished. */
  retireAt(dueMs: number): void;
  close(code: CloseCode): void;
  terminate(): void;
}

/** The open connections of a bridge. */
export class OpenConnections {
  readonly #all = new Set<OpenConnection>();
  /** Those that no revocation has met. */
  readonly #byCaller = new CallerIndex<OpenConnection>();
  readonly #onAllClosed: (() => void)[] = [];
  /** When the last one is closed, of a bridge that drains. */
  #drainEndMs: number | undefined;

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

  /** Ends those that are meant as if their token had ended. @returns how many it met */
  revoke(revocation: Revocation): number {
    const meant = this.#byCaller.take(revocation);
    for (const connection of meant) connection.revoke();
    return meant.length;
  }

  /** Retires each of them, spread evenly over `drainMs` from `nowMs` of the clock of durations. */
  drain(drainMs: number, nowMs: number): void {
    this.#drainEndMs = nowMs + drainMs;
    const stepMs = drainMs / Math.max(1, this.#all.size);
    let dueMs = nowMs;
    for (const connection of this.#all) connection.retireAt((dueMs += stepMs));
  }

  closeAll(code: CloseCode): void {
    for (const connection of this.#all) connection.close(code);
  }

  terminateAll(): void {
    for (const connection of this.#all) connection.terminate();
  }
}
