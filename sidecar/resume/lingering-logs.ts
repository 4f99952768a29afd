import { KeyedChain } from '../lib/keyed-chain';

/** Something that lingers, and the channels that it hears, each once. */
export interface Hearer {
  readonly channels: readonly string[];
}

/** So many are looked at for one channel, at most: those that are passed over are looked at last the next time. */
const MAX_LOOKS = 1000;

/**
 * The replay logs that linger without a socket, those whose last client left first before the others. The channels that nobody
 * else hears can be had from them.
 */
export class LingeringLogs<Log extends Hearer> {
  readonly #order = new KeyedChain<Log, Log>();
  /** How many of them hear a channel. */
  readonly #hearers = new Map<string, number>();

  add(log: Log): void {
    this.#order.set(log, log);
    for (const channel of log.channels) this.#count(channel, 1);
  }

  /** Does nothing for one that does not linger. */
  remove(log: Log): void {
    if (!this.#order.has(log)) return;
    this.#order.delete(log);
    for (const channel of log.channels) this.#count(channel, -1);
  }

  /**
   * A channel of the first of them that hears one alone, or with others that linger.
   * @param countMembers how many hear a channel, these and all others
   */
  channelToFree(countMembers: (channel: string) => number): string | undefined {
    for (let looks = Math.min(MAX_LOOKS, this.#order.size); looks > 0; looks -= 1) {
      const first = this.#order.first;
      const own = first?.channels.find((channel) => countMembers(channel) === this.#hearers.get(channel));
      if (first === undefined || own !== undefined) return own;
      this.#order.set(first, first);
    }
    return undefined;
  }

  #count(channel: string, change: number): void {
    const count = (this.#hearers.get(channel) ?? 0) + change;
    if (count === 0) this.#hearers.delete(channel);
    else this.#hearers.set(channel, count);
  }
}
