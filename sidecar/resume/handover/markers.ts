import type { Receiver } from '../../fanout/deliver';
import type { Frame } from '../../fanout/frame';
import { parseMarker, type Marker } from './messages';
import type { RedisNames } from '../../redis/names';
import type { ChannelRegistry } from '../../pubsub/channel-registry';

interface Entry {
  readonly receiver: Receiver;
  readonly subscribed: Promise<void>;
  waiting: number;
}

/**
 * Hears markers: messages that stand between those of another channel, at the same place for every bridge that hears
 * both. A channel for markers is subscribed only while somebody waits for one.
 */
export class Markers {
  readonly #registryOf: (channel: string) => ChannelRegistry<Receiver>;
  readonly #names: RedisNames;
  readonly #entries = new Map<string, Entry>();
  readonly #onMark = new Map<string, (mark: Marker) => void>();

  /** @param registryOf where a channel is subscribed: its markers come on the same connection */
  constructor(registryOf: (channel: string) => ChannelRegistry<Receiver>, names: RedisNames) {
    this.#registryOf = registryOf;
    this.#names = names;
  }

  /** How many markers are waited for. */
  get size(): number {
    return this.#onMark.size;
  }

  /**
   * Waits for the marker `id` among the messages of `channel`. Resolves once it cannot be missed; `onMark` is called
   * between the message before it and the one after it.
   * @throws SubscriptionError when Redis is unreachable
   */
  async expect(channel: string, id: string, onMark: (mark: Marker) => void): Promise<void> {
    const entry = this.#entries.get(channel) ?? this.#open(channel);
    entry.waiting += 1;
    this.#onMark.set(id, onMark);
    await entry.subscribed;
  }

  /** Waits no longer. Does nothing for a marker that is not waited for: others may wait on its channel. */
  forget(channel: string, id: string): void {
    if (!this.#onMark.delete(id)) return;
    const entry = this.#entries.get(channel);
    if (entry === undefined || (entry.waiting -= 1) > 0) return;
    this.#entries.delete(channel);
    this.#registryOf(channel).leave(this.#names.mark(channel), entry.receiver);
  }

  #open(channel: string): Entry {
    const receiver = {
      senderId: undefined,
      deliver: ({ payload }: Frame) => {
        const mark = parseMarker(payload);
        if (mark !== undefined) this.#onMark.get(mark.id)?.(mark);
      },
    };
    const subscribed = this.#registryOf(channel).join(this.#names.mark(channel), receiver);
    // A caller that waits hears of it; nobody may be left to.
    subscribed.catch(() => undefined);
    const entry = { receiver, subscribed, waiting: 0 };
    this.#entries.set(channel, entry);
    return entry;
  }
}
