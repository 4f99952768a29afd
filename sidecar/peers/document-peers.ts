import type { PeersFrame } from '../../protocol/frames';
import type { Receiver } from '../fanout/deliver';
import { sealPeers } from '../fanout/peer-envelope';
import { PacedTurn, type PacedTurnContext } from '../lib/paced-turn';
import type { Timer } from '../lib/timer-wheel';
import { ToldFrame, type Told } from '../lib/told-frame';
import type { Publish } from '../redis/publish';
import { listed, readBridgePeers, type BridgePeers, type PeerList } from './peer-list';

/** Between two lists to a client, or to the other bridges, in milliseconds. */
export const TELL_INTERVAL_MS = 1000;
/** Other bridges at one document that are remembered. */
export const MAX_BRIDGES = 256;

/** The peers of documents are told by these. */
export interface DocumentPeersContext extends PacedTurnContext {
  readonly publish: Publish;
  /** This bridge among all: 16 bytes. */
  readonly bridge: Buffer;
  /** So long a bridge that says nothing more counts, in milliseconds. */
  readonly leaseMs: number;
}

interface OtherBridge {
  readonly peers: PeerList;
  readonly untilMs: number;
}

/**
 * The peers of one document (PROTOCOL.md §13). Bridges tell each other of their own clients on the document's channel, at most once a
 * second, and again while others are there. Nothing is kept in Redis. A bridge that died is forgotten when its lease is over.
 */
export class DocumentPeers implements Receiver {
  readonly senderId: Buffer;
  readonly #channel: string;
  readonly #context: DocumentPeersContext;
  readonly #connections = new Map<string, number>();
  readonly #others = new Map<string, OtherBridge>();
  readonly #told = new ToldFrame();
  readonly #turn: PacedTurn;
  #count = 0;
  #owesOthers = true;
  #asks = true;
  #isKnown = false;
  #renewal: Timer | undefined;

  constructor(channel: string, context: DocumentPeersContext) {
    this.senderId = context.bridge;
    this.#channel = channel;
    this.#context = context;
    this.#turn = new PacedTurn(context, TELL_INTERVAL_MS, () => {
      this.#tellOthers();
      this.#tellClients();
    });
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  enter(user: string, told: Told | undefined): void {
    this.#connections.set(user, (this.#connections.get(user) ?? 0) + 1);
    this.#count += 1;
    if (told !== undefined) this.#told.add(told);
    this.#changed();
  }

  leave(user: string, told: Told | undefined): void {
    const left = (this.#connections.get(user) ?? 1) - 1;
    if (left === 0) this.#connections.delete(user);
    else this.#connections.set(user, left);
    this.#count -= 1;
    if (told !== undefined) this.#told.delete(told);
    if (this.#count > 0) this.#changed();
    else this.#end();
  }

  deliver(): void {
    // Peers' own messages are nothing to it.
  }

  /** Another bridge says who is there. */
  peersTold(bridge: Buffer, payload: Buffer): void {
    if (bridge.equals(this.senderId)) return;
    const peers = readBridgePeers(payload);
    if (peers === undefined) return;
    const name = bridge.toString('hex');
    if (peers.count === 0) this.#others.delete(name);
    else if (this.#others.has(name) || this.#others.size < MAX_BRIDGES)
      this.#others.set(name, { peers, untilMs: this.#context.monotonicMs() + this.#context.leaseMs });
    if (peers.asks === true) this.#owesOthers = true;
    this.#schedule();
    this.#renewLater();
  }

  /** The subscription was lost and is back. */
  restored(): void {
    this.#asks = true;
    this.#changed();
  }

  #changed(): void {
    this.#owesOthers = true;
    this.#schedule();
  }

  #schedule(): void {
    if (!this.isEmpty) this.#turn.ask();
  }

  #tellOthers(): void {
    if (!this.#owesOthers) return;
    const own = { users: listed(this.#connections.keys()), count: this.#count };
    const asks = this.#asks;
    this.#owesOthers = this.#asks = false;
    this.#isKnown = true;
    this.#publish(asks ? { ...own, asks } : own).catch(() => {
      // Bridges that do not know of each other say nothing again by themselves.
      this.#owesOthers = true;
      this.#asks ||= asks;
      this.#schedule();
    });
  }

  #tellClients(): void {
    this.#told.tell(JSON.stringify({ type: 'bridge.peers', data: this.#all() } satisfies PeersFrame));
  }

  #all(): PeerList {
    const others = [...this.#others.values()].map(({ peers }) => peers);
    const users = [...this.#connections.keys(), ...others.flatMap((peers) => peers.users)];
    return {
      users: listed(users.sort()),
      count: others.reduce((sum, { count }) => sum + count, this.#count),
    };
  }

  /** While others are there they hear of this bridge again, and those that say nothing more are forgotten. */
  #renewLater(): void {
    if (this.isEmpty || this.#others.size === 0) return;
    const { wheel, monotonicMs, leaseMs } = this.#context;
    this.#renewal ??= wheel.add(monotonicMs() + leaseMs / 3, () => {
      this.#renewal = undefined;
      for (const [name, { untilMs }] of this.#others) if (untilMs <= monotonicMs()) this.#others.delete(name);
      this.#changed();
      this.#renewLater();
    });
  }

  #end(): void {
    this.#turn.cancel();
    this.#renewal?.cancel();
    // Where it is lost the others forget this bridge with its lease.
    if (this.#isKnown) this.#publish({ users: [], count: 0 }).catch(() => undefined);
  }

  #publish(peers: BridgePeers): Promise<number> {
    const message = sealPeers(this.senderId, Buffer.from(JSON.stringify(peers)));
    return this.#context.publish(this.#channel, message);
  }
}
