import { Redis } from 'ioredis';
import { openLocksChanged } from '../../../sidecar/fanout/peer-envelope';
import type { Receiver } from '../../../sidecar/fanout/deliver';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import type { LockStore } from '../../../sidecar/locks/lock-store';
import { Locks } from '../../../sidecar/locks/locks';
import { redisLockStore, type LockStoreSettings } from '../../../sidecar/locks/redis-lock-store';
import type { LockFrame } from '../../../protocol/frames';
import type { LockDenial } from '../../../sidecar/locks/lock-holder';
import { UNPREFIXED } from '../fixture';
import { NOW, withClock } from '../scripts-clock';

export const LEASE_MS = 3000;
export const LINGER_MS = 2000;
/** As long as a bridge's tick. */
const STEP_MS = 250;
export const DOCUMENT = { tenantId: 'acme', channel: 'acme:collaboration:d1' };

/** One client at a document, and what it was told. */
export interface TestClient {
  readonly told: LockFrame[];
  lock(name: string, holder?: string): Promise<LockDenial | undefined>;
  unlock(name: string): Promise<LockDenial | undefined>;
  leave(mayComeBack?: boolean): void;
  /** The token that it was told last. */
  readonly token: number;
  /** Who holds what, by the last list. */
  readonly list: string | undefined;
}

/** One bridge. */
export interface TestLocks {
  readonly locks: Locks;
  readonly wheel: TimerWheel;
  readonly outcomes: string[];
  /** Its calls are not waited for while time passes. */
  isSlow: boolean;
  enter(user: string, document?: typeof DOCUMENT): TestClient;
}

const SETTINGS: LockStoreSettings = {
  leaseMs: LEASE_MS,
  lingerMs: LINGER_MS,
  maxPerDocument: 100,
  maxPerTenant: 100,
};

/** Bridges' locks in a real Redis, all by one clock that the test sets. */
export class LockStage {
  readonly redis: Redis;
  readonly #receivers = new Map<string, Set<Receiver>>();
  #bridges: TestLocks[] = [];
  #nowMs = 10_000_000;
  /** How often bridges said that locks have changed. */
  published = 0;
  /** Redis takes no words of bridges. */
  isDumb = false;

  constructor(url: string) {
    this.redis = withClock(new Redis(url));
  }

  async reset(): Promise<void> {
    await this.redis.flushall();
    this.#bridges = [];
    this.#receivers.clear();
    this.published = 0;
    this.isDumb = false;
    await this.#setClock();
  }

  store(settings: Partial<LockStoreSettings> = {}): LockStore {
    return redisLockStore(this.redis, UNPREFIXED, { ...SETTINGS, ...settings }, (_tenant, _bytes, send) =>
      send(),
    );
  }

  /** @param around what stands between the bridge and Redis */
  bridge(
    settings: Partial<LockStoreSettings> = {},
    around: (store: LockStore) => LockStore = (store) => store,
  ): TestLocks {
    const wheel = new TimerWheel(STEP_MS, 64, this.#nowMs);
    const outcomes: string[] = [];
    const all = { ...SETTINGS, ...settings };
    const locks = new Locks({
      ...all,
      store: around(this.store(settings)),
      subscriptions: this.#subscriptions(),
      publish: (channel, message) => {
        this.published += 1;
        if (this.isDumb) return Promise.reject(new Error('away'));
        const by = openLocksChanged(message as Buffer);
        if (by === undefined) throw new Error("expected a bridge's word on locks");
        for (const receiver of this.#receivers.get(channel) ?? []) receiver.locksChanged?.(by);
        return Promise.resolve(1);
      },
      wheel,
      monotonicMs: () => this.#nowMs,
      bridge: Buffer.alloc(16, this.#bridges.length + 1),
      maxPerSocket: 3,
      onOutcome: (outcome) => outcomes.push(outcome),
    });
    const bridge = {
      ...{ locks, wheel, outcomes, isSlow: false },
      enter: (user: string, document = DOCUMENT) => clientOf(locks, user, document),
    };
    this.#bridges.push(bridge);
    return bridge;
  }

  /** A bridge dies: it does nothing more. */
  kill(bridge: TestLocks): void {
    this.#bridges = this.#bridges.filter((one) => one !== bridge);
  }

  /** Time passes, in which every bridge does what is due but those that are stalled. */
  async pass(ms: number, stalled: readonly TestLocks[] = []): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#nowMs += Math.min(STEP_MS, left);
      await this.#setClock();
      await this.#advance(stalled);
    }
  }

  /** A stalled bridge runs again. */
  async runs(): Promise<void> {
    await this.#advance([]);
  }

  /** Redis's clock alone is set. */
  async setRedisClock(ms: number): Promise<void> {
    await this.redis.set(NOW, this.#nowMs + ms);
  }

  /** Every key but the test's own. */
  async keys(): Promise<readonly string[]> {
    return (await this.redis.keys('*')).filter((key) => key !== NOW).sort();
  }

  async #advance(stalled: readonly TestLocks[]): Promise<void> {
    for (const bridge of this.#bridges) {
      if (stalled.includes(bridge)) continue;
      bridge.wheel.advance(this.#nowMs);
      if (!bridge.isSlow) await bridge.locks.settled();
    }
    // Redis answers all that it was asked meanwhile before it answers this.
    await this.redis.ping();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async #setClock(): Promise<void> {
    await this.redis.set(NOW, this.#nowMs);
  }

  #subscriptions() {
    const receivers = this.#receivers;
    return {
      size: 0,
      members: () => [] as never,
      pin: () => undefined,
      join: (channel: string, member: Receiver) => {
        receivers.set(channel, (receivers.get(channel) ?? new Set()).add(member));
        return Promise.resolve();
      },
      leave: (channel: string, member: Receiver) => void receivers.get(channel)?.delete(member),
      isLive: () => true,
      arrived: () => Promise.resolve(),
    };
  }
}

function clientOf(locks: Locks, user: string, document: typeof DOCUMENT): TestClient {
  const told: LockFrame[] = [];
  const client = { send: (text: string) => void told.push(JSON.parse(text) as LockFrame) };
  const holder = locks.enter(document, user, client);
  return {
    told,
    lock: (name, named) => holder.take({ kind: 'lock', name, holder: named }),
    unlock: (name) => holder.take({ kind: 'unlock', name, holder: undefined }),
    leave: (mayComeBack = false) => {
      holder.leave(mayComeBack);
    },
    get token() {
      const last = told.filter((frame) => frame.type === 'bridge.locked').at(-1);
      return last?.data.token ?? NaN;
    },
    get list() {
      const last = told.filter((frame) => frame.type === 'bridge.locks').at(-1);
      return last?.data.locks.map(({ name, user: by }) => `${name} ${by}`).join();
    },
  };
}
