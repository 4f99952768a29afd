import type { Receiver } from '../fanout/deliver';
import type { Steps } from '../lib/loop-shares';
import type { ChannelRegistry } from './channel-registry';

/** Brings in the messages of Redis channels. */
export interface Subscriber {
  readonly subscriptions: ChannelRegistry<Receiver>;
  /** Whether every subscription can be had. */
  readonly isConnected: boolean;
  /** Whether the latest probes, which are published and must be heard, were. */
  readonly delivers: boolean;
  /** Whether everything that is published to these channels comes in one order, on every bridge. */
  inOneOrder(channels: readonly string[]): boolean;
  /**
   * Resolves once what this bridge published before, to whatever channel of the subscriber, has come in, or never will. Never rejects.
   */
  proveArrival(): Promise<void>;
  /** Listeners on its connections. */
  readonly listenerCount: number;
  /** Tries to connect once, and from then on stays connected by itself. Never rejects. */
  connect(): Promise<void>;
  /** Begins to probe. */
  start(): void;
  /** Ends probing. */
  stop(): void;
  disconnect(): Promise<void>;
}

/** Channels that are gone through while some of them may go. */
export interface LostChannels extends Iterable<string> {
  has(channel: string): boolean;
}

/** Whom a subscriber tells that messages may have been missed. */
export interface SubscriberListener {
  /** The subscriptions of these channels are lost. @returns work of several that is done before one of them is made again */
  lost(channels: LostChannels): readonly Steps[];
  /** Lost subscriptions are back: those that {@link ChannelRegistry.isLive} says. */
  restored(): void;
}
