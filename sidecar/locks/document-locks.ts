import type { LocksFrame } from '../../protocol/frames';
import type { Receiver } from '../fanout/deliver';
import { sealLocksChanged } from '../fanout/peer-envelope';
import { PacedTurn, type PacedTurnContext } from '../lib/paced-turn';
import type { Timer } from '../lib/timer-wheel';
import { ToldFrame, type Told } from '../lib/told-frame';
import type { Publish } from '../redis/publish';
import type { LockedDocument, LockStore } from './lock-store';

/** Between two lists to a client, two questions to Redis, or two words to the other bridges, in milliseconds. */
export const TELL_INTERVAL_MS = 1000;

/** The locks of documents are told by these. */
export interface DocumentLocksContext extends PacedTurnContext {
  readonly store: Pick<LockStore, 'list'>;
  readonly publish: Publish;
  /** This bridge among all: 16 bytes. */
  readonly bridge: Buffer;
}

/**
 * Tells the clients of a document who holds which lock (PROTOCOL.md §14). Redis has the list. It is read when a bridge says that it
 * changed, and when a lock in it ends that nobody renewed. So a bridge that died, or a word that has to be said again, makes it late and
 * not wrong.
 */
export class DocumentLocks implements Receiver {
  readonly senderId: Buffer;
  readonly #document: LockedDocument;
  readonly #context: DocumentLocksContext;
  readonly #told = new ToldFrame();
  readonly #turn: PacedTurn;
  #members = 0;
  #isStale = true;
  #owesOthers = false;
  #isReading = false;
  #nextEnd: Timer | undefined;

  constructor(document: LockedDocument, context: DocumentLocksContext) {
    this.senderId = context.bridge;
    this.#document = document;
    this.#context = context;
    this.#turn = new PacedTurn(context, TELL_INTERVAL_MS, () => {
      this.#takeTurn();
    });
  }

  get isEmpty(): boolean {
    return this.#members === 0;
  }

  enter(told: Told): void {
    this.#members += 1;
    this.#told.add(told);
    this.#schedule();
  }

  leave(told: Told): void {
    this.#members -= 1;
    this.#told.delete(told);
    if (!this.isEmpty) return;
    this.#turn.cancel();
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
    if (!this.isEmpty && !this.#isReading) this.#turn.ask();
  }

  #takeTurn(): void {
    if (this.#owesOthers) this.#tellOthers();
    if (this.#isStale) void this.#read();
    else if (this.#told.latest !== undefined) this.#told.tell(this.#told.latest);
  }

  /** Never rejects. A list that cannot be read is asked for again. */
  async #read(): Promise<void> {
    this.#isReading = true;
    this.#isStale = false;
    try {
      const { locks, nextMs } = await this.#context.store.list(this.#document);
      this.#readAgainIn(nextMs);
      this.#told.tell(frameOf(locks));
    } catch {
      this.#isStale = true;
    }
    this.#isReading = false;
    if (this.#isStale || this.#owesOthers) this.#schedule();
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

  /** A word that Redis does not take is said again: a new lock would be in no other bridge's list for as long as it is held. */
  #tellOthers(): void {
    this.#owesOthers = false;
    this.#context.publish(this.#document.channel, sealLocksChanged(this.senderId)).catch(() => {
      this.#owesOthers = true;
      this.#schedule();
    });
  }
}

function frameOf(locks: LocksFrame['data']['locks']): string {
  const sorted = [...locks].sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify({ type: 'bridge.locks', data: { locks: sorted } } satisfies LocksFrame);
}
