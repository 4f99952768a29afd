import { createHash } from 'node:crypto';
import { isNestedDeeperThan, MAX_NESTING } from './lib/nesting';
import type { Ready } from './prepare';
import type { ConfigError } from './schema/config-error';

/** A configuration that no decision used for so long is let go of, in milliseconds; at the latest after twice as long. */
export const IDLE_MS = 300_000;
/** How many configurations are kept ready; the least recently used one goes first. */
export const MAX_CONFIGURATIONS = 1000;

interface Entry {
  readonly ready: Promise<Ready | ConfigError>;
  decisions: number;
  usedSinceSweep: boolean;
  over: boolean;
}

/**
 * The configurations that are ready, one for equal ones: Kong starts an instance in each worker and does not reliably
 * close it. One is let go of with its last instance, or when nobody used it for a while. It is made anew when an
 * instance of it is asked again.
 */
export class Configurations {
  readonly #prepare: (raw: unknown) => Promise<Ready | ConfigError>;
  readonly #max: number;
  readonly #entries = new Map<string, Entry>();
  readonly #instances = new Map<string, number>();

  constructor(prepare: (raw: unknown) => Promise<Ready | ConfigError>, max = MAX_CONFIGURATIONS) {
    this.#prepare = prepare;
    this.#max = max;
  }

  /** How many are ready. */
  get size(): number {
    return this.#entries.size;
  }

  /** An instance of it was started: it is made ready. */
  join(key: string, raw: unknown): void {
    this.#instances.set(key, (this.#instances.get(key) ?? 0) + 1);
    void this.#entry(key, raw).ready;
  }

  /** An instance of it was closed; with the last one it is let go of, once no decision uses it. */
  leave(key: string): void {
    const instances = (this.#instances.get(key) ?? 0) - 1;
    if (instances > 0) {
      this.#instances.set(key, instances);
      return;
    }
    this.#instances.delete(key);
    this.#letGo(key);
  }

  /** Does some work with it, for which it is kept ready. */
  async use<T>(key: string, raw: unknown, work: (ready: Ready | ConfigError) => Promise<T>): Promise<T> {
    const entry = this.#entry(key, raw);
    entry.decisions += 1;
    try {
      return await work(await entry.ready);
    } finally {
      entry.decisions -= 1;
      closeWhenUnused(entry);
    }
  }

  /** Lets go of those that no decision used since the last sweep. */
  sweep(): void {
    for (const [key, entry] of this.#entries) {
      if (!entry.usedSinceSweep && entry.decisions === 0) this.#letGo(key);
      entry.usedSinceSweep = false;
    }
  }

  #entry(key: string, raw: unknown): Entry {
    const known = this.#entries.get(key);
    const entry = known ?? { ready: this.#prepare(raw), decisions: 0, usedSinceSweep: true, over: false };
    entry.usedSinceSweep = true;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest = key] = this.#entries.keys();
    if (this.#entries.size > this.#max) this.#letGo(oldest);
    return entry;
  }

  #letGo(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.over = true;
    closeWhenUnused(entry);
  }
}

function closeWhenUnused({ over, decisions, ready }: Entry): void {
  if (!over || decisions > 0) return;
  void ready.then((made) => {
    if ('close' in made) made.close();
  });
}

const KONGS_OWN = /^(?:__.*|service_id|route_id)$/;

/**
 * The fingerprint of the configuration alone. Members that Kong adds for its own use differ between workers and
 * reloads, and decide nothing.
 */
export function fingerprint(raw: unknown): string {
  // All of them are refused for the same reason.
  if (isNestedDeeperThan(raw, MAX_NESTING)) return 'nested too deeply';
  const settings = Object.entries({ ...(raw as Record<string, unknown> | undefined) });
  const own = settings.filter(([name]) => !KONGS_OWN.test(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(own)).digest('base64');
}
