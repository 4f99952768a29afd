import type { PresenceChange } from '../presence/change';
import { LONGEST_TIMER_MS } from './longest-timer';

/** How many channels without a listener are remembered: the latest ones, so many of them at least and at most. */
const MIN_REMEMBERED = 9000;
const MAX_REMEMBERED = 10_000;

/** The last listener of a channel left. */
interface Leave {
  /** By Redis's clock, in milliseconds since the epoch. */
  readonly time: number;
  /** When this process heard of it, by the monotonic clock. */
  readonly heardAtMs: number;
}

/** An answer, as far as it may become one that nobody hears. */
export interface Heard {
  /** Where it goes, with the prefix. */
  readonly channel: string;
  /** When its command was added, by Redis's clock: then somebody was there, whatever was heard of the channel before. */
  readonly addedMs: number;
  readonly unheardMs: number;
}

interface Watch extends Heard {
  readonly onUnheard: () => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Knows which channels lost their last listener, and tells when one has had none for so long. A channel of which nothing was heard
 * has listeners: bridges may have said so before this process was there.
 */
export class Unheard {
  readonly #monotonicMs: () => number;
  /** By channel without a listener, the oldest first. */
  readonly #left = new Map<string, Leave>();
  readonly #watches = new Map<string, Set<Watch>>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Takes note of a change. */
  take({ type, channel, time }: Pick<PresenceChange, 'type' | 'channel' | 'time'>): void {
    this.#left.delete(channel);
    if (type === 'left') this.#left.set(channel, { time, heardAtMs: this.#monotonicMs() });
    this.#forget();
    for (const watch of this.#watches.get(channel) ?? []) this.#set(watch);
  }

  /** @returns ends the watch */
  watch(heard: Heard, onUnheard: () => void): () => void {
    const { channel } = heard;
    const watch: Watch = { ...heard, onUnheard, timer: undefined };
    const watches = this.#watches.get(channel) ?? new Set();
    this.#watches.set(channel, watches.add(watch));
    this.#set(watch);
    return () => {
      clearTimeout(watch.timer);
      watches.delete(watch);
      if (watches.size === 0) this.#watches.delete(channel);
    };
  }

  /** Many at once: a Map passes over the places of all that was deleted on its way to the first one. */
  #forget(): void {
    if (this.#left.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#left.keys()) {
      if (this.#left.size <= MIN_REMEMBERED) return;
      this.#left.delete(oldest);
    }
  }

  #set(watch: Watch): void {
    clearTimeout(watch.timer);
    const left = this.#left.get(watch.channel);
    // `joined` may come later than the command of the one who joined.
    if (left === undefined || left.time < watch.addedMs) return;
    const delayMs = Math.max(0, left.heardAtMs + watch.unheardMs - this.#monotonicMs());
    watch.timer = setTimeout(watch.onUnheard, Math.min(delayMs, LONGEST_TIMER_MS));
  }
}
