import { randomBytes } from 'node:crypto';
import type { Receiver } from '../fanout/deliver';
import { sealLocksChanged } from '../fanout/peer-envelope';
import type { LockOutcome } from '../metrics/outcomes';
import type { ChannelRegistry } from '../pubsub/channel-registry';
import { joinLastingly } from '../pubsub/lasting-join';
import { DocumentLocks, type DocumentLocksContext } from './document-locks';
import { HeldLocks } from './held-locks';
import { LockHolder, type LockClient } from './lock-holder';
import type { LockedDocument, LockStore } from './lock-store';

/** Locks are kept and told by these. */
export interface LocksContext extends DocumentLocksContext {
  readonly store: LockStore;
  readonly subscriptions: ChannelRegistry<Receiver>;
  /** So long a lock counts that is not renewed, in milliseconds. */
  readonly leaseMs: number;
  /** So long it counts once its socket is gone, where its client named its holder, in milliseconds. */
  readonly lingerMs: number;
  /** Locks of a socket, at most. */
  readonly maxPerSocket: number;
  readonly onOutcome: (outcome: LockOutcome) => void;
}

/** The locks of documents, as clients of this bridge hold them and are told of them (PROTOCOL.md §14). */
export class Locks {
  readonly #context: LocksContext;
  readonly #held: HeldLocks;
  readonly #documents = new Map<string, DocumentLocks>();
  /** Each leaves its channel by one of these. */
  readonly #leaves = new Map<string, () => void>();

  constructor(context: LocksContext) {
    this.#context = context;
    this.#held = new HeldLocks(context, (document) => {
      this.#changed(document);
    });
  }

  /** How many documents have clients here. */
  get documents(): number {
    return this.#documents.size;
  }

  /** How many locks sockets of this bridge hold. */
  get size(): number {
    return this.#held.size;
  }

  /** A socket is open that may lock names of this document, and is told of its locks. */
  enter(document: LockedDocument, userId: string, client: LockClient): LockHolder {
    const { channel } = document;
    const locks = this.#documents.get(channel) ?? this.#open(document);
    const told = (frame: string): void => {
      client.send(frame);
    };
    locks.enter(told);
    const owner = { ...document, userId, socket: `~${randomBytes(15).toString('base64url')}` };
    return new LockHolder(owner, client, this.#held, this.#context, () => {
      locks.leave(told);
      if (locks.isEmpty) this.#close(channel);
    });
  }

  /** Resolves when Redis has heard of everything, or cannot be reached. */
  settled(): Promise<void> {
    return this.#held.settled();
  }

  #open(document: LockedDocument): DocumentLocks {
    const locks = new DocumentLocks(document, this.#context);
    this.#documents.set(document.channel, locks);
    // The connection has joined it, and it may be lost since.
    this.#leaves.set(document.channel, joinLastingly(this.#context, document.channel, locks));
    return locks;
  }

  #close(channel: string): void {
    this.#documents.delete(channel);
    this.#leaves.get(channel)?.();
    this.#leaves.delete(channel);
  }

  #changed({ channel }: LockedDocument): void {
    const locks = this.#documents.get(channel);
    if (locks !== undefined) {
      locks.changedHere();
      return;
    }
    const { publish, bridge } = this.#context;
    publish(channel, sealLocksChanged(bridge)).catch(() => undefined);
  }
}
