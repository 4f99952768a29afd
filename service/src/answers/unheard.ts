import type { PresenceChange } from '../presence/change';

/** How many channels without a listener are remembered: the latest ones. */
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
    const [oldest] = this.#sinceMs.keys();
    if (oldest !== undefined && this.#sinceMs.size > MAX_REMEMBERED) this.#sinceMs.delete(oldest);
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

  #set(channel: string, watch: Watch): void {
    clearTimeout(watch.timer);
    const sinceMs = this.#sinceMs.get(channel);
    if (sinceMs === undefined) return;
    watch.timer = setTimeout(watch.onUnheard, Math.max(0, sinceMs + watch.unheardMs - this.#monotonicMs()));
  }
}
