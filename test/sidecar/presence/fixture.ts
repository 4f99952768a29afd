import { Redis } from 'ioredis';
import { Presence, type PresenceStore } from '../../../sidecar/presence/presence';
import { redisPresenceStore, type PresenceSettings } from '../../../sidecar/presence/redis-presence-store';
import { topicText } from '../../../sidecar/presence/topic';
import { UNPREFIXED } from '../fixture';
import { NOW, withClock } from '../scripts-clock';

export const LEASE_MS = 3000;
export const LINGER_MS = 2000;
/** As long as a bridge's tick. */
const STEP_MS = 250;

/** One entry of the stream. */
export interface PresenceEntry {
  readonly type: string;
  readonly [field: string]: string;
}

/** Bridges' presence in a real Redis, all by one clock that the test sets. */
export class PresenceStage {
  readonly redis: Redis;
  /** The errors of calls that Redis did not take. */
  readonly failures: unknown[] = [];
  readonly outcomes: string[] = [];
  #bridges: Presence[] = [];
  #names = 0;
  #nowMs = 1_000_000;

  constructor(url: string) {
    this.redis = withClock(new Redis(url));
  }

  async reset(): Promise<void> {
    await this.redis.flushall();
    this.#bridges = [];
    this.failures.length = this.outcomes.length = 0;
    await this.#setClock();
  }

  /** @param around what stands between the bridge and Redis */
  bridge(
    settings: Partial<PresenceSettings> = {},
    around: (store: PresenceStore) => PresenceStore = (store) => store,
  ): Presence {
    const all = { leaseMs: LEASE_MS, lingerMs: LINGER_MS, maxEntries: 1000, tenantJoins: 0, ...settings };
    const bridge = new Presence({
      store: around(redisPresenceStore(this.redis, UNPREFIXED, all)),
      newName: () => `${(this.#names += 1).toString(16).padStart(16, '0')}.1`,
      intervalMs: all.leaseMs / 3,
      monotonicMs: () => this.#nowMs,
      onOutcome: (outcome, count) => {
        if (count > 0) this.outcomes.push(`${outcome} ${count}`);
      },
      onFailure: (error) => this.failures.push(error),
    });
    this.#bridges.push(bridge);
    return bridge;
  }

  /** A bridge dies: it tells nothing more. */
  kill(bridge: Presence): void {
    this.#bridges = this.#bridges.filter((one) => one !== bridge);
  }

  /** Redis has heard of everything. */
  async settled(): Promise<void> {
    for (const bridge of this.#bridges) await bridge.settled();
  }

  /** Time passes, in which every bridge does what is due but those that are stalled. */
  async pass(ms: number, stalled: readonly Presence[] = []): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#nowMs += Math.min(STEP_MS, left);
      await this.#setClock();
      for (const bridge of this.#bridges) if (!stalled.includes(bridge)) bridge.advance(this.#nowMs);
      for (const bridge of this.#bridges) if (!stalled.includes(bridge)) await bridge.settled();
    }
  }

  /** All entries so far, the oldest first. */
  async entries(): Promise<readonly PresenceEntry[]> {
    const entries = await this.redis.xrange('ws:presence', '-', '+');
    return entries.map(([, fields]) => entryOf(fields));
  }

  /** The type and the channel of each. */
  async told(): Promise<readonly string[]> {
    return (await this.entries()).map(({ type, channel = '' }) => `${type} ${channel}`);
  }

  /** Every key but the stream and the test's own. */
  async keys(): Promise<readonly string[]> {
    const keys = await this.redis.keys('*');
    return keys.filter((key) => key !== NOW && key !== 'ws:presence').sort();
  }

  async #setClock(): Promise<void> {
    await this.redis.set(NOW, this.#nowMs);
  }
}

export function entryOf(fields: readonly string[]): PresenceEntry {
  const pairs = Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]]);
  return Object.fromEntries(pairs) as PresenceEntry;
}

/** A dashboard's text. */
export function dashboard(id: string, tenant = 'acme'): string {
  const topic = { route: 'dashboard', tenant, channel: id, params: { id }, session: undefined };
  return topicText(topic) ?? '';
}
