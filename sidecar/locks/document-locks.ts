import type { LocksFrame } from '../../protocol/frames';
import type { Receiver } from '../fanout/deliver';
import { sealLocksChanged } from '../fanout/peer-envelope';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import type { Publish } from '../redis/publish';
import type { LockedDocument, LockStore } from './lock-store';

/** Between two lists to a client, two questions to Redis, or two words to the other bridges, in milliseconds. */
export const TELL_INTERVAL_MS = 1000;

/** The locks of documents are told by these. */
export interface DocumentLocksContext {
  readonly store: Pick<LockStore, 'list'>;
  readonly publish: Publish;
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
  /** This bridge among all: 16 bytes. */
  readonly bridge: Buffer;
}

/** Who is told of a document's locks. */
export type LocksTold = (frame: string) => void;

/**
 * Tells the clients of a document who holds which lock (PROTOCOL.md §14). Redis has the list. It is read when a bridge says that it
 * changed, and when a lock in it ends that nobody renewed. So a word that is lost, or a bridge that died, makes it late and not wrong.
 */
export class DocumentLocks implements Receiver {
  readonly senderId: Buffer;
  readonly #document: LockedDocument;
  readonly #context: DocumentLocksContext;
  readonly #told = new Set<LocksTold>();
  readonly #untold = new Set<LocksTold>();
  #members = 0;
  #frame: string | undefined;
  #isStale = true;
  #owesOthers = false;
  #isReading = false;
  #lastMs = -Infinity;
  #turn: Timer | undefined;
  #nextEnd: Timer | undefined;

  constructor(document: LockedDocument, context: DocumentLocksContext) {
    this.senderId = context.bridge;
    this.#document = document;
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#members === 0;
  }

  enter(told: LocksTold): void {
    this.#members += 1;
    this.#untold.add(told);
    this.#schedule();
  }

  leave(told: LocksTold): void {
    this.#members -= 1;
    this.#told.delete(told);
    this.#untold.delete(told);
    if (!this.isEmpty) return;
    this.#turn?.cancel();
    this.#nextEnd?.cancel();
    if (this.#owesOthers) this.#tellOthers();
  }

  deliver(): void {
    // Peers' own messages are nothing to it.
  }

  /** A client of this bridge has changed them. */
  changedHere(): void {
    this.#owesOthers = true;
    this.#changed();
  }

  /** A bridge says that they have changed. */
  locksChanged(bridge: Buffer): void {
    if (!bridge.equals(this.senderId)) this.#changed();
  }

  /** The subscription was lost and is back. */
  restored(): void {
    this.#changed();
  }

  #changed(): void {
    this.#isStale = true;
    this.#schedule();
  }

  #schedule(): void {
    const { wheel, monotonicMs } = this.#context;
    if (this.isEmpty || this.#isReading) return;
    this.#turn ??= wheel.add(Math.max(monotonicMs(), this.#lastMs + TELL_INTERVAL_MS), () => {
      this.#turn = undefined;
      this.#lastMs = monotonicMs();
      if (this.#owesOthers) this.#tellOthers();
      if (this.#isStale) void this.#read();
      else this.#tell(this.#frame);
    });
  }

  /** Never rejects. A list that cannot be read is asked for again. */
  async #read(): Promise<void> {
    this.#isReading = true;
    this.#isStale = false;
    try {
      const { locks, nextMs } = await this.#context.store.list(this.#document);
      this.#readAgainIn(nextMs);
      this.#tell(frameOf(locks));
    } catch {
      this.#isStale = true;
    }
    this.#isReading = false;
    if (this.#isStale) this.#schedule();
  }

  /** The lock that ends first may be that of a bridge that died. */
  #readAgainIn(nextMs: number | undefined): void {
    const { wheel, monotonicMs } = this.#context;
    this.#nextEnd?.cancel();
    this.#nextEnd = undefined;
    if (nextMs === undefined || this.isEmpty) return;
    this.#nextEnd = wheel.add(monotonicMs() + nextMs, () => {
      this.#changed();
    });
  }

  #tell(frame: string | undefined): void {
    if (frame === undefined) return;
    if (frame !== this.#frame) for (const told of this.#told) told(frame);
    for (const told of this.#untold) {
      told(frame);
      this.#told.add(told);
    }
    this.#untold.clear();
    this.#frame = frame;
  }

  /** A word that is lost is made up for when the lock ends. */
  #tellOthers(): void {
    this.#owesOthers = false;
    this.#context.publish(this.#document.channel, sealLocksChanged(this.senderId)).catch(() => undefined);
  }
}

function frameOf(locks: LocksFrame['data']['locks']): string {
  const sorted = [...locks].sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify({ type: 'bridge.locks', data: { locks: sorted } } satisfies LocksFrame);
}
