import { KeyedChain } from '../lib/keyed-chain';

interface Spent {
  readonly size: number;
  readonly untilMs: number;
}

/** Which tenants are known to have no room for a command, so that Redis is not sent what it would refuse. */
export class SpentShares {
  readonly #monotonicMs: () => number;
  readonly #spent = new KeyedChain<string, Spent>();

  /** @param monotonicMs milliseconds of a clock that nobody sets */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** How many tenants are remembered. */
  get size(): number {
    return this.#spent.size;
  }

  /** A command of a tenant was refused: one of that size, or a larger one, has no room for so long. */
  add(tenantId: string, size: number, forMs: number): void {
    const nowMs = this.#monotonicMs();
    this.#spent.deleteWhile(({ untilMs }) => untilMs <= nowMs);
    this.#spent.set(tenantId, { size, untilMs: nowMs + forMs });
  }

  /** Whether a command of that size has no room. */
  isSpent(tenantId: string, size: number): boolean {
    const spent = this.#spent.get(tenantId);
    return spent !== undefined && size >= spent.size && this.#monotonicMs() < spent.untilMs;
  }
}
