import type { Receiver } from '../fanout/deliver';
import type { ChannelRegistry } from '../pubsub/channel-registry';
import type { Told } from '../lib/told-frame';
import { joinLastingly } from '../pubsub/lasting-join';
import { DocumentPeers, type DocumentPeersContext } from './document-peers';

/** Peers are told by these. */
export interface PeersContext extends DocumentPeersContext {
  readonly subscriptions: ChannelRegistry<Receiver>;
}

/** One connection among the peers of a document. */
export interface Peer {
  /** It is gone; once, however often it is called. */
  leave(): void;
}

/** The documents whose clients are told who else is there (PROTOCOL.md §13). */
export class Peers {
  readonly #context: PeersContext;
  readonly #documents = new Map<string, DocumentPeers>();
  /** Each leaves its channel by one of these. */
  readonly #leaves = new Map<string, () => void>();

  constructor(context: PeersContext) {
    this.#context = context;
  }

  /** How many documents have peers here. */
  get size(): number {
    return this.#documents.size;
  }

  /**
   * A connection is open.
   * @param told gets each list, at most one a second; undefined for a plain client, which is a peer all the same
   */
  enter(channel: string, user: string, told: Told | undefined): Peer {
    const document = this.#documents.get(channel) ?? this.#open(channel);
    document.enter(user, told);
    let isHere = true;
    return {
      leave: () => {
        if (!isHere) return;
        isHere = false;
        document.leave(user, told);
        if (document.isEmpty) this.#close(channel);
      },
    };
  }

  #open(channel: string): DocumentPeers {
    const document = new DocumentPeers(channel, this.#context);
    this.#documents.set(channel, document);
    // The connection has joined it, and it may be lost since.
    this.#leaves.set(channel, joinLastingly(this.#context, channel, document));
    return document;
  }

  #close(channel: string): void {
    this.#documents.delete(channel);
    this.#leaves.get(channel)?.();
    this.#leaves.delete(channel);
  }
}
