import { ReplyError } from 'ioredis';

/** Whose connections are counted. */
export type QuotaScope = 'user' | 'tenant';

/** A limit of which a connection has to have a permit. */
export interface QuotaLimit {
  readonly scope: QuotaScope;
  /** The Redis key that it is counted under. All keys of a tenant are in one slot of a cluster. */
  readonly key: string;
  /** Open connections on all bridges together, at most. */
  readonly max: number;
}

/** The permits that this bridge holds of one limit. */
export interface HeldCount {
  readonly key: string;
  readonly held: number;
  readonly max: number;
}

/** The counts that all bridges share. */
export interface QuotaStore {
  /**
   * Says how many permits this bridge holds of some limits of one tenant. Then it takes a permit for each of `asks`:
   * the indices of its one or two limits.
   * @returns for each, the index of its first limit without room, and then it takes a permit of none; else undefined
   * @throws when Redis is unreachable
   */
  put(
    counts: readonly HeldCount[],
    asks: readonly (readonly number[])[],
  ): Promise<readonly (number | undefined)[]>;
}

/** A connection's permit, in each of its limits. */
export interface Permit {
  /** Gives it back; once, however often it is called. */
  release(): void;
}

/** Limits in one call to Redis, at most. */
export const MAX_COUNTS_PER_CALL = 200;

interface Count extends QuotaLimit {
  held: number;
  /** How many ask for a permit of it and have no answer yet. */
  asking: number;
  /** Redis has yet to hear of it. */
  isChanged: boolean;
  /** In the call that is being made; -1 for none. */
  place: number;
}

interface Ask {
  readonly counts: readonly Count[];
  readonly answer: (outcome: Permit | QuotaScope) => void;
  readonly fail: (reason: unknown) => void;
}

/** The counts and questions that go to Redis in one call. */
interface NextCall {
  readonly counts: readonly Count[];
  readonly asks: readonly Ask[];
  /** The places in `counts` of each one's limits. */
  readonly wanted: readonly (readonly number[])[];
}

/** Puts a count into a call, once. */
function put(count: Count, counts: Count[]): void {
  if (count.place === -1) count.place = counts.push(count) - 1;
}

/** It keeps its one or two counts outside a list: each open connection has a permit. */
class HeldPermit implements Permit {
  #first: Count | undefined;
  #second: Count | undefined;
  readonly #giveBack: (counts: readonly Count[]) => void;

  constructor([first, second]: readonly Count[], giveBack: (counts: readonly Count[]) => void) {
    this.#first = first;
    this.#second = second;
    this.#giveBack = giveBack;
  }

  release(): void {
    const counts = [this.#first, this.#second].filter((count) => count !== undefined);
    this.#first = this.#second = undefined;
    if (counts.length > 0) this.#giveBack(counts);
  }
}

/**
 * The permits of one tenant's connections. One call to Redis is under way at a time, and changes meanwhile go with the
 * next. Calls take effect in their order. A storm of upgrades or of closed sockets costs a few of them.
 */
export class TenantQuota {
  readonly #store: QuotaStore;
  readonly #onEmpty: () => void;
  readonly #counts = new Map<string, Count>();
  /** The counts that Redis has yet to hear of, each once. */
  #changed: Count[] = [];
  #asks: Ask[] = [];
  readonly #giveBack = (counts: readonly Count[]): void => {
    for (const count of counts) {
      count.held -= 1;
      this.#change(count);
    }
    this.#start();
  };
  #running: Promise<void> | undefined;

  /** @param onEmpty called when nothing is held, asked for or to be said any more */
  constructor(store: QuotaStore, onEmpty: () => void) {
    this.#store = store;
    this.#onEmpty = onEmpty;
  }

  /** How many limits this bridge holds permits of, or asks for one. */
  get size(): number {
    return [...this.#counts.values()].filter(({ held, asking }) => held + asking > 0).length;
  }

  /**
   * Takes a permit of one or two limits.
   * @returns the scope of the first that has no room, when one has none
   * @throws when Redis is unreachable
   */
  acquire(limits: readonly QuotaLimit[]): Promise<Permit | QuotaScope> {
    const counts = limits.map((limit) => this.#countOf(limit));
    for (const count of counts) count.asking += 1;
    const taken = new Promise<Permit | QuotaScope>((answer, fail) => {
      this.#asks.push({ counts, answer, fail });
    });
    this.#start();
    return taken;
  }

  /** Says all that is held. @throws when Redis is unreachable */
  async announce(): Promise<void> {
    if (this.#counts.size === 0) return;
    for (const count of this.#counts.values()) this.#change(count);
    await this.#pump();
  }

  /** Resolves when Redis has heard of everything, or cannot be reached. */
  async settled(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  /** Those who ask hear of a failure, and there is one call for all of a turn. */
  #start(): void {
    if (this.#running === undefined) this.#pump().catch(() => undefined);
  }

  #pump(): Promise<void> {
    return (this.#running ??= this.#run());
  }

  async #run(): Promise<void> {
    let failure: Error | undefined;
    while (this.#asks.length > 0 || this.#changed.length > 0) {
      const { counts, asks, wanted } = this.#nextCall();
      try {
        await this.#call(counts, asks, wanted);
      } catch (error) {
        failure = error as Error;
        this.#failed(asks, error);
        // It would not answer for the others either, and each call waits for its time.
        if (asks.length === 0 && !(error instanceof ReplyError)) this.#dropChanges();
      }
      for (const count of counts) this.#forgetEmpty(count);
    }
    this.#running = undefined;
    if (this.#counts.size === 0) this.#onEmpty();
    if (failure !== undefined) throw failure;
  }

  #nextCall(): NextCall {
    const counts: Count[] = [];
    let taken = 0;
    for (const ask of this.#asks) {
      if (counts.length + ask.counts.length > MAX_COUNTS_PER_CALL || taken === MAX_COUNTS_PER_CALL) break;
      for (const count of ask.counts) put(count, counts);
      taken += 1;
    }
    for (const count of this.#changed) {
      if (counts.length >= MAX_COUNTS_PER_CALL) break;
      put(count, counts);
    }
    const asks = this.#asks.splice(0, taken);
    const wanted = asks.map((ask) => ask.counts.map(({ place }) => place));
    for (const count of counts) {
      count.place = -1;
      count.isChanged = false;
    }
    this.#changed = this.#changed.filter(({ isChanged }) => isChanged);
    return { counts, asks, wanted };
  }

  async #call(counts: readonly Count[], asks: readonly Ask[], wanted: NextCall['wanted']): Promise<void> {
    const full = await this.#store.put(counts, wanted);
    let index = 0;
    for (const ask of asks) {
      const without = full[index];
      index += 1;
      for (const count of ask.counts) {
        count.asking -= 1;
        if (without === undefined) count.held += 1;
      }
      ask.answer(
        without === undefined
          ? new HeldPermit(ask.counts, this.#giveBack)
          : (counts[without]?.scope ?? 'tenant'),
      );
    }
  }

  #failed(asks: readonly Ask[], reason: unknown): void {
    for (const { counts, fail } of asks) {
      for (const count of counts) {
        count.asking -= 1;
        // Redis may have counted it all the same.
        this.#change(count);
      }
      fail(reason);
    }
    // Redis hears of the other counts with the next announcement. Permits that are held no more end with their lease.
  }

  /** The next announcement says them. */
  #dropChanges(): void {
    for (const count of this.#changed.splice(0)) {
      count.isChanged = false;
      this.#forgetEmpty(count);
    }
  }

  #change(count: Count): void {
    if (count.isChanged) return;
    count.isChanged = true;
    this.#changed.push(count);
  }

  #countOf(limit: QuotaLimit): Count {
    const known = this.#counts.get(limit.key);
    if (known !== undefined) return known;
    const { scope, key, max } = limit;
    // Not `...limit`: V8 would keep a description of its own for each.
    const count = { scope, key, max, held: 0, asking: 0, isChanged: false, place: -1 };
    this.#counts.set(limit.key, count);
    return count;
  }

  #forgetEmpty(count: Count): void {
    if (count.held + count.asking === 0 && !count.isChanged) this.#counts.delete(count.key);
  }
}
