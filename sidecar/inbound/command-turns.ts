/** So many commands of one tenant may be on their way to Redis at once. Redis answers them within about a millisecond. */
export const COMMANDS_ON_THE_WAY = 32;
/** So many bytes of them may be, or one command of any size. */
export const COMMAND_BYTES_ON_THE_WAY = 131_072;

/** Why a command is not sent: it waited behind others of its tenant for too long. */
export class WaitedTooLong extends Error {
  override readonly name = 'WaitedTooLong';
}

/** A command that waits for those before it. */
interface Waiting {
  readonly bytes: number;
  readonly sinceMs: number;
  readonly send: () => void;
  readonly giveUp: () => void;
}

/** The commands of one tenant. */
interface OfTenant {
  readonly waiting: Waiting[];
  commands: number;
  bytes: number;
}

/**
 * Lets each tenant have a few commands on their way to Redis, and the next when one of them is answered. All commands
 * of a bridge share one connection, on which Redis answers one after the other: a command waits for all that were
 * sent before it. So it waits for a few of each other tenant, however many they have to send. A tenant's commands keep
 * their order.
 */
export class CommandTurns {
  readonly #maxWaitMs: number;
  readonly #monotonicMs: () => number;
  /** The tenants that have commands on the way. */
  readonly #tenants = new Map<string, OfTenant>();

  /**
   * @param maxWaitMs a command that waited longer is not sent any more, in milliseconds
   * @param monotonicMs milliseconds of a clock that nobody sets
   */
  constructor(maxWaitMs: number, monotonicMs: () => number) {
    this.#maxWaitMs = maxWaitMs;
    this.#monotonicMs = monotonicMs;
  }

  /** How many tenants have commands on the way. */
  get size(): number {
    return this.#tenants.size;
  }

  /**
   * Sends a command of so many bytes: before this returns, when nothing of its tenant is to go before it.
   * @returns the outcome of `send`
   * @throws WaitedTooLong when it was not sent, or what `send` throws
   */
  take<T>(tenantId: string, bytes: number, send: () => Promise<T>): Promise<T> {
    let own = this.#tenants.get(tenantId);
    if (own === undefined) this.#tenants.set(tenantId, (own = { waiting: [], commands: 0, bytes: 0 }));
    if (own.waiting.length === 0 && hasRoom(own, bytes)) return this.#send(tenantId, own, bytes, send);
    const { waiting } = own;
    return new Promise<T>((resolve, reject) => {
      waiting.push({
        bytes,
        sinceMs: this.#monotonicMs(),
        send: () => {
          this.#send(tenantId, own, bytes, send).then(resolve, reject);
        },
        giveUp: () => {
          reject(new WaitedTooLong('too many commands of this tenant wait for Redis'));
        },
      });
    });
  }

  async #send<T>(tenantId: string, own: OfTenant, bytes: number, send: () => Promise<T>): Promise<T> {
    own.commands += 1;
    own.bytes += bytes;
    try {
      return await send();
    } finally {
      own.commands -= 1;
      own.bytes -= bytes;
      this.#next(own);
      if (own.commands === 0) this.#tenants.delete(tenantId);
    }
  }

  /** Sends those that have room now. */
  #next(own: OfTenant): void {
    for (;;) {
      const [first] = own.waiting;
      if (first === undefined || !hasRoom(own, first.bytes)) return;
      own.waiting.shift();
      if (this.#monotonicMs() - first.sinceMs > this.#maxWaitMs) first.giveUp();
      else first.send();
    }
  }
}

function hasRoom({ commands, bytes }: OfTenant, more: number): boolean {
  if (commands === 0) return true;
  return commands < COMMANDS_ON_THE_WAY && bytes + more <= COMMAND_BYTES_ON_THE_WAY;
}
