import { DEFAULT_MAX_REFUSED_ADDRESSES } from './max-refused-addresses';
import { tellingState } from './rate-limit-headers';
import type { GcraOutcome } from '../store/gcra';
import { MemoryLimits } from '../store/memory-limits';
import type { AppliedLimit } from '../store/limits';
import type { LimitState } from '../store/store';

/** A limit that a client is over. */
export interface OverLimit {
  readonly limit: AppliedLimit;
  readonly state: LimitState;
}

/** The refused upgrades of one client, as far as some limit counts them. */
export interface ClientRefusals {
  /** The limit that it is over, when it is. */
  readonly over: OverLimit | undefined;
  /** Whether one more token of it is verified although it is over; counts it. */
  mayVerify(): boolean;
  /** One more upgrade of it was refused. */
  count(): void;
}

/** The refusals of a client whom no limit counts. */
export const UNCOUNTED: ClientRefusals = { over: undefined, mayVerify: () => true, count: () => undefined };

/** The refused upgrades of all clients, in this process's memory (docs/adr/0010). */
export class RefusedUpgrades {
  readonly #states: MemoryLimits;

  /**
   * @param nowUs the clock, microseconds of any clock that runs on
   * @param max how many states are kept, one for an address and a limit
   */
  constructor(nowUs: () => number, max = DEFAULT_MAX_REFUSED_ADDRESSES) {
    this.#states = new MemoryLimits(nowUs, max);
  }

  /** How many states are kept at present. */
  get size(): number {
    return this.#states.size;
  }

  /**
   * Those of one client.
   * @param limits that count this upgrade, of the client's address
   * @param verificationsPerSecond of unknown tokens while it is over one of them
   */
  of(limits: readonly AppliedLimit[], verificationsPerSecond: number): ClientRefusals {
    const [first] = limits;
    if (first === undefined) return UNCOUNTED;
    const states = this.#states;
    const verifications = {
      key: `${first.slot}:verifications:${verificationsPerSecond}`,
      rate: { limit: verificationsPerSecond, windowSeconds: 1, burst: verificationsPerSecond },
    };
    return {
      over: overOf(limits, states.look(limits)),
      mayVerify: () => verificationsPerSecond > 0 && states.charge([verifications]).admitted,
      count() {
        states.charge(limits);
      },
    };
  }
}

/** The limit that refuses longest; none when all of them admit. */
function overOf(
  limits: readonly AppliedLimit[],
  { admitted, states }: Pick<GcraOutcome, 'admitted' | 'states'>,
): OverLimit | undefined {
  const state = admitted ? undefined : tellingState(states);
  const limit = state && limits[states.indexOf(state)];
  return limit && { limit, state };
}
