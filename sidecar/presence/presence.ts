import type { PresenceOutcome } from '../metrics/outcomes';
import { DeferredTopics } from './deferred-topics';
import { tenantOf } from './topic';

/** A bridge's call to Redis under one name. */
export interface PresenceCall {
  readonly name: string;
  /** So many topics it has told before, and has not taken back. */
  readonly told: number;
  /** Topics that have a listener on this bridge now. */
  readonly heard: readonly string[];
  /** Topics that have none here any more. */
  readonly unheard: readonly string[];
}

/** Redis's answer. */
export interface PresenceAnswer {
  /** Entries that the call added to the stream. */
  readonly joined: number;
  readonly left: number;
  /** Those of `heard` that were not taken, because their tenant is over its share. */
  readonly deferred: readonly string[];
  /** For so long nothing is due, in milliseconds; undefined when nothing is. */
  readonly nextMs: number | undefined;
}

/** The presence that all bridges share. */
export interface PresenceStore {
  /**
   * Tells what has changed, and does what is due for other bridges too.
   * @returns `unknown` when Redis does not know what was told under this name; then it has taken nothing
   * @throws when Redis is unreachable, or takes no writes
   */
  tell(call: PresenceCall): Promise<PresenceAnswer | 'unknown'>;
}

/** Presence is told by these. */
export interface PresenceContext {
  readonly store: PresenceStore;
  /** A name that no bridge ever had. */
  readonly newName: () => string;
  /** So often at least a bridge tells that it lives, in milliseconds. */
  readonly intervalMs: number;
  /** The clock of durations, in milliseconds. */
  readonly monotonicMs: () => number;
  readonly onOutcome: (outcome: PresenceOutcome, count: number) => void;
  /** Told once, until a call is answered again. */
  readonly onFailure: (error: unknown) => void;
}

/** One open socket that listens to a topic. */
export interface Listening {
  /** It listens no more; once, however often it is called. */
  leave(): void;
}

/** Topics in one call to Redis, at most. */
export const MAX_TOPICS_PER_CALL = 200;
/** After so long a call that failed is made again, and so are topics over a share told again, in milliseconds. */
export const RETRY_MS = 1000;

/**
 * Tells services which topics have listeners (PROTOCOL.md §12). Only the first listener of a topic on this bridge and the last
 * one cost anything, and no client waits for it. One call is under way at a time, and changes meanwhile go with the next.
 *
 * A call may be lost, and Redis may lose what it had. Then the bridge goes on under another name and tells all anew. The old
 * name's lease ends by itself, as that of a bridge that died.
 */
export class Presence {
  readonly #context: PresenceContext;
  /** How many listen here, by topic. */
  readonly #listeners = new Map<string, number>();
  /** The topics that Redis has under this name. */
  readonly #told = new Set<string>();
  readonly #changed = new Set<string>();
  /** Those over their tenants' shares. */
  readonly #deferred = new DeferredTopics(tenantOf);
  #name: string;
  #dueMs = 0;
  #isScheduled = false;
  #isFailing = false;
  #running: Promise<void> | undefined;

  constructor(context: PresenceContext) {
    this.#context = context;
    this.#name = context.newName();
  }

  /** How many topics have listeners here, or are still to be told. */
  get size(): number {
    return new Set([...this.#listeners.keys(), ...this.#told]).size;
  }

  /** A socket listens to a topic. */
  enter(topic: string): Listening {
    this.#count(topic, 1);
    let isHere = true;
    return {
      leave: () => {
        if (isHere) this.#count(topic, -1);
        isHere = false;
      },
    };
  }

  /** Tells what is due by `nowMs` of the clock of durations. */
  advance(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    this.#takeDeferred();
    void this.#pump();
  }

  /** Resolves when Redis has heard of everything, or cannot be reached. */
  async settled(): Promise<void> {
    await this.#running;
    if (this.#changed.size > 0) await this.#pump();
  }

  #count(topic: string, change: 1 | -1): void {
    const count = (this.#listeners.get(topic) ?? 0) + change;
    if (count === 0) this.#listeners.delete(topic);
    else this.#listeners.set(topic, count);
    if (count > 1 || (count === 1 && change === -1)) return;
    this.#changed.add(topic);
    this.#schedule();
  }

  /** All that changes in a turn of the event loop goes out together. */
  #schedule(): void {
    if (this.#isScheduled || this.#isFailing) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#changed.size > 0) void this.#pump();
    });
  }

  #pump(): Promise<void> {
    return (this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    }));
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    for (let isDone = false; !isDone;) {
      const call = this.#nextCall();
      try {
        const answer = await this.#context.store.tell(call);
        this.#isFailing = false;
        if (answer === 'unknown') this.#goOnAnew();
        else this.#took(call, answer);
        isDone = this.#changed.size === 0 && answer !== 'unknown' && answer.nextMs !== 0;
      } catch (error) {
        this.#failed(error);
        isDone = true;
      }
    }
  }

  #nextCall(): PresenceCall {
    const [heard, unheard]: [string[], string[]] = [[], []];
    for (const topic of this.#changed) {
      if (heard.length + unheard.length === MAX_TOPICS_PER_CALL) break;
      this.#changed.delete(topic);
      const isHeard = this.#listeners.has(topic);
      if (!isHeard) this.#deferred.delete(topic);
      if (isHeard === this.#told.has(topic)) continue;
      (isHeard ? heard : unheard).push(topic);
    }
    return { name: this.#name, told: this.#told.size, heard, unheard };
  }

  #took({ heard, unheard }: PresenceCall, { joined, left, deferred, nextMs }: PresenceAnswer): void {
    const { monotonicMs, intervalMs, onOutcome } = this.#context;
    for (const topic of heard) {
      this.#told.add(topic);
      this.#deferred.delete(topic);
    }
    for (const topic of unheard) this.#told.delete(topic);
    for (const topic of deferred) {
      this.#told.delete(topic);
      this.#deferred.add(topic);
    }
    onOutcome('joined', joined);
    onOutcome('left', left);
    onOutcome('deferred', deferred.length);
    const waitMs = Math.min(intervalMs, nextMs ?? intervalMs);
    this.#dueMs = monotonicMs() + (this.#deferred.isEmpty ? waitMs : Math.min(waitMs, RETRY_MS));
  }

  #failed(error: unknown): void {
    const { monotonicMs, onOutcome, onFailure } = this.#context;
    onOutcome('failed', 1);
    if (!this.#isFailing) onFailure(error);
    this.#isFailing = true;
    this.#dueMs = monotonicMs() + RETRY_MS;
    // Redis may have taken it all the same.
    this.#goOnAnew();
  }

  #goOnAnew(): void {
    this.#name = this.#context.newName();
    this.#told.clear();
    this.#deferred.clear();
    this.#changed.clear();
    for (const topic of this.#listeners.keys()) this.#changed.add(topic);
  }

  #takeDeferred(): void {
    for (const topic of this.#deferred.take(MAX_TOPICS_PER_CALL)) this.#changed.add(topic);
  }
}
