import type { LastingConnection } from './lasting-connection';

/**
 * A connection in whose place another one is taken when it is renewed. The one before is asked until the new one is
 * ready. It is asked on and on when there is no new one to be had. Nobody waits for it and nothing is lost.
 */
export class RenewedConnection {
  readonly #open: () => LastingConnection;
  readonly #onChange: (connection: LastingConnection) => void;
  #current: LastingConnection;
  #next: LastingConnection | undefined;
  #isOver = false;

  /** @param onChange told of each that is asked from then on, the first of all as well */
  constructor(open: () => LastingConnection, onChange: (connection: LastingConnection) => void) {
    this.#open = open;
    this.#onChange = onChange;
    this.#current = open();
    onChange(this.#current);
  }

  /** The one to ask. */
  get current(): LastingConnection {
    return this.#current;
  }

  /** Opens another one beside it; does nothing while one is being opened. */
  renew(): void {
    if (this.#next !== undefined || this.#isOver) return;
    this.#next = this.#open();
    void this.#replaceBy(this.#next);
  }

  close(): void {
    this.#isOver = true;
    this.#current.close();
    this.#next?.close();
  }

  async #replaceBy(next: LastingConnection): Promise<void> {
    try {
      await next.opened();
      if (this.#isOver) return;
      const before = this.#current;
      this.#current = next;
      this.#onChange(next);
      before.finish();
    } catch {
      next.close();
    } finally {
      this.#next = undefined;
    }
  }
}
