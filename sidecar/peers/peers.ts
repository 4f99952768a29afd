import type { Receiver } from '../fanout/deliver';
import type { ChannelRegistry } from '../pubsub/channel-registry';
import type { Told } from '../lib/told-frame';
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
        if (document.isEmpty) this.#close(channel, document);
      },
    };
  }

  #open(channel: string): DocumentPeers {
    const document = new DocumentPeers(channel, this.#context);
    this.#documents.set(channel, document);
    // The connection has joined it: without Redis, it would not be here. Once it is lost, others tell of what they missed.
    this.#context.subscriptions.join(channel, document).catch(() => undefined);
    return document;
  }

  #close(channel: string, document: DocumentPeers): void {
    this.#documents.delete(channel);
    this.#context.subscriptions.leave(channel, document);
  }
}
