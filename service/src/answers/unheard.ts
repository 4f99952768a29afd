import type { PresenceChange } from '../presence/change';

/** How many channels without a listener are remembered: the latest ones, so many of them at least and at most. */
const MIN_REMEMBERED = 9000;
const MAX_REMEMBERED = 10_000;

interface Watch {
  readonly unheardMs: number;
  readonly onUnheard: () => void;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Knows which channels lost their last listener, and tells when one has had none for so long. A channel of which nothing was heard
 * has listeners: bridges may have said so before this process was there.
 */
export class Unheard {
  readonly #monotonicMs: () => number;
  /** Since when there is no listener, by channel, the oldest first. */
  readonly #sinceMs = new Map<string, number>();
  readonly #watches = new Map<string, Set<Watch>>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Takes note of a change. */
  take({ type, channel }: Pick<PresenceChange, 'type' | 'channel'>): void {
    this.#sinceMs.delete(channel);
    if (type === 'left') this.#sinceMs.set(channel, this.#monotonicMs());
    this.#forget();
    for (const watch of this.#watches.get(channel) ?? []) this.#set(channel, watch);
  }

  /** @returns ends the watch */
  watch(channel: string, unheardMs: number, onUnheard: () => void): () => void {
    const watch: Watch = { unheardMs, onUnheard, timer: undefined };
    const watches = this.#watches.get(channel) ?? new Set();
    this.#watches.set(channel, watches.add(watch));
    this.#set(channel, watch);
    return () => {
      clearTimeout(watch.timer);
      watches.delete(watch);
      if (watches.size === 0) this.#watches.delete(channel);
    };
  }

  /** Many at once: a Map passes over the places of all that was deleted on its way to the first one. */
  #forget(): void {
    if (this.#sinceMs.size <= MAX_REMEMBERED) return;
    for (const oldest of this.#sinceMs.keys()) {
      if (this.#sinceMs.size <= MIN_REMEMBERED) return;
      this.#sinceMs.delete(oldest);
    }
  }

  #set(channel: string, watch: Watch): void {
    clearTimeout(watch.timer);
    const sinceMs = this.#sinceMs.get(channel);
    if (sinceMs === undefined) return;
    watch.timer = setTimeout(watch.onUnheard, Math.max(0, sinceMs + watch.unheardMs - this.#monotonicMs()));
  }
}
