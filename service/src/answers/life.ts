import { setMaxListeners } from 'node:events';
import type { CommandToAnswer } from './command';
import { FairQueue, type Places } from './fair-queue';
import type { Held } from './held';

/** The part of the lease after which a worker takes itself for dead, so that it is silent before others go on for it. */
const SURE_PART = 0.75;

/**
 * A worker under one name. It is alive while Redis has heard of it within the lease. A worker that finds itself dead, after a
 * long pause or without Redis, drops all it has, for others take it over. It goes on under another name.
 */
export class Life {
  readonly consumer: string;
  readonly queue: FairQueue<Held>;
  readonly #leaseMs: number;
  readonly #monotonicMs: () => number;
  readonly #held = new Map<string, Held>();
  /** Those with an id, by session and id. */
  readonly #named = new Map<string, Set<Held>>();
  readonly #over = new AbortController();
  #provenMs: number;
  /** Since when no beat failed. */
  #steadyMs: number;
  /** Redis may have given it entries of which it does not know. */
  hasDoubts = false;

  constructor(consumer: string, places: Places, leaseMs: number, monotonicMs: () => number) {
    this.consumer = consumer;
    this.queue = new FairQueue(places);
    this.#leaseMs = leaseMs;
    this.#monotonicMs = monotonicMs;
    this.#provenMs = this.#steadyMs = monotonicMs();
    // As many as there are answers.
    setMaxListeners(0, this.over);
  }

  /** Aborted at its end. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether all it has is its own. Once it is not, this life is over. */
  lives(): boolean {
    if (this.over.aborted) return false;
    if (this.#monotonicMs() - this.#provenMs < this.#leaseMs * SURE_PART) return true;
    this.end();
    return false;
  }

  /** Whether it has heard of Redis for long enough to take others for dead. */
  get isSteady(): boolean {
    return this.#monotonicMs() - this.#steadyMs >= this.#leaseMs;
  }

  /** Redis has heard of it, at that moment or later. */
  prove(sentMs: number): void {
    if (this.lives()) this.#provenMs = sentMs;
  }

  /** Redis has not. */
  doubt(): void {
    this.#steadyMs = this.#monotonicMs();
    this.hasDoubts = true;
  }

  has(entryId: string): boolean {
    return this.#held.has(entryId);
  }

  hold(held: Held): void {
    this.#held.set(held.delivery.entryId, held);
    const name = nameOf(held.command);
    const others = this.#named.get(name);
    if (others === undefined) this.#named.set(name, new Set([held]));
    else others.add(held);
  }

  drop(held: Held): void {
    this.#held.delete(held.delivery.entryId);
    const name = nameOf(held.command);
    const others = this.#named.get(name);
    others?.delete(held);
    if (others?.size === 0) this.#named.delete(name);
  }

  /** Those of one session under one id. */
  named(session: string, id: string): readonly Held[] {
    return [...(this.#named.get(nameOf({ session, id })) ?? [])];
  }

  get held(): Iterable<Held> {
    return this.#held.values();
  }

  /** Drops all it has without a word. */
  end(): void {
    this.#over.abort();
    this.queue.clear();
    for (const { stop } of this.#held.values()) stop.abort();
  }
}

/** A session has no space. */
function nameOf({ session, id }: Pick<CommandToAnswer, 'session' | 'id'>): string {
  return `${session} ${id ?? ''}`;
}
