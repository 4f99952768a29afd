import type { Receiver } from '../fanout/deliver';
import type { Frame } from '../fanout/frame';
import { FairTurns, type Urgency } from '../lib/fair-turns';
import { deferred, withDeadline } from '../lib/promises';
import { SubscriptionError, type ChannelRegistry } from '../pubsub/channel-registry';
import type { LostChannels } from '../pubsub/subscriber';
import type { AskedFrames, HistoryCut, HistoryPlace, HistoryStore } from './history-store';

/** Histories that are read at once, at most: with the most bytes of one, what the answers may take of memory. */
export const MAX_READS = 32;
/** So many of them may be one tenant's: others find a place, however slow the Redis is that has this one's. */
export const MAX_READS_OF_TENANT = 24;

/** A reading that is asked for. */
export interface HistoryQuestion {
  readonly place: HistoryPlace;
  /** Whose turn it takes. */
  readonly tenant: string;
  /** Undefined for none. */
  readonly asked: AskedFrames | undefined;
  readonly urgency: Urgency;
  /** Whether anybody still wants it, once its turn has come. */
  readonly isWanted: () => boolean;
}

/** Waits for markers among the messages of channels, as {@link Markers} of handovers do. */
export interface MarkerWaits {
  expect(channel: string, id: string, onMark: () => void): Promise<void>;
  forget(channel: string, id: string): void;
}

/** Histories are read with these. */
export interface HistoriesContext {
  readonly store: HistoryStore;
  readonly registry: ChannelRegistry<Receiver>;
  readonly markers: MarkerWaits;
  /** The channel for markers among the messages of a channel. */
  readonly markChannel: (channel: string) => string;
  /** A marker with this id, as it is published. */
  readonly formatMarker: (id: string) => string;
  /** Begins the id of each of this bridge's markers. */
  readonly bridgeId: string;
  /** How long one reading may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** Keeps the messages of a channel from the marker on. */
class Witness implements Receiver {
  readonly senderId = undefined;
  readonly frames: Frame[] = [];
  #isPast = false;

  /** The marker has come. */
  pass(): void {
    this.#isPast = true;
  }

  deliver(frame: Frame): void {
    if (this.#isPast) this.frames.push(frame);
  }
}

/** One reading that goes on. */
interface Reading {
  readonly channel: string;
  isLost: boolean;
  readonly lost: () => void;
}

/**
 * Reads the histories of channels at a marker: every message that came before it is in what was read, and none that comes
 * after it.
 */
export class Histories {
  readonly #context: HistoriesContext;
  readonly #readings = new Set<Reading>();
  readonly #turns = new FairTurns({ atOnce: MAX_READS, ofOne: MAX_READS_OF_TENANT });
  #count = 0;

  constructor(context: HistoriesContext) {
    this.#context = context;
  }

  /** How many are read, or wait for it. */
  get size(): number {
    return this.#readings.size + this.#turns.waiting;
  }

  /**
   * Reads a history, once its tenant has a turn. `take` is called when no message can come in between: with the history as it was
   * at the marker, and the messages since.
   * @returns what `take` returns
   * @throws when Redis is unreachable, the channel's subscription was lost meanwhile, or nobody wants it any more
   */
  read<T>(question: HistoryQuestion, take: (cut: HistoryCut, since: readonly Frame[]) => T): Promise<T> {
    return this.#turns.take(question.tenant, question.urgency, async () => {
      if (!question.isWanted()) throw new SubscriptionError('nobody waits for the history any more');
      return this.#read(question, take);
    });
  }

  /** Keeps a history for longer. @returns whether it is there */
  renew(place: HistoryPlace): Promise<boolean> {
    return this.#context.store.renew(place);
  }

  /** The subscriptions of these channels are lost: who reads is told. */
  lost(channels: LostChannels): void {
    for (const reading of this.#readings) if (channels.has(reading.channel)) reading.lost();
  }

  async #read<T>(
    { place, asked }: HistoryQuestion,
    take: (cut: HistoryCut, since: readonly Frame[]) => T,
  ): Promise<T> {
    const { registry, markers, bridgeId, timeoutMs } = this.#context;
    const { channel } = place;
    const id = `${bridgeId}_h${(this.#count += 1).toString(36)}`;
    const witness = new Witness();
    const lost = deferred<undefined>();
    const reading: Reading = {
      channel,
      isLost: false,
      lost: () => {
        reading.isLost = true;
        lost.resolve(undefined);
      },
    };
    this.#readings.add(reading);
    try {
      const cut = await withDeadline(
        Promise.race([this.#cut(place, asked, id, witness), lost.promise]),
        timeoutMs,
      );
      // From the marker's message to here nothing else can have come in.
      if (cut === undefined || reading.isLost) throw new SubscriptionError('the subscription was lost');
      return take(cut, witness.frames);
    } finally {
      this.#readings.delete(reading);
      registry.leave(channel, witness);
      markers.forget(channel, id);
    }
  }

  async #cut(
    place: HistoryPlace,
    asked: AskedFrames | undefined,
    id: string,
    witness: Witness,
  ): Promise<HistoryCut> {
    const { store, registry, markers, markChannel, formatMarker } = this.#context;
    const { channel } = place;
    const marked = deferred<undefined>();
    const onMark = (): void => {
      witness.pass();
      marked.resolve(undefined);
    };
    await Promise.all([registry.join(channel, witness), markers.expect(channel, id, onMark)]);
    const announcement = { channel: markChannel(channel), message: formatMarker(id) };
    const [cut] = await Promise.all([store.read(place, asked, announcement), marked.promise]);
    return cut;
  }
}
