import type { Logger } from 'pino';
import { UNSCOPED_DATABASE, unscopedDatabase } from '../../redis/name-prefix';
import type { RedisSettings } from '../config/config';
import { observeSince, openBreakers, redisSeconds } from '../metrics/metrics';
import { breaker } from './breaker';
import { KnownTiers } from './known-tiers';
import { MAX_MEMORY_LIMITS, memoryStore } from './memory-store';
import { closeRedis, redisFor } from './redis-connection';
import { redisTarget } from './redis-options';
import { redisStore } from './redis-store';
import type { Store } from './store';

/**
 * How long stores that nobody holds any more stay, in milliseconds. When a configuration changes, Kong may close the
 * old instance before it starts the new one.
 */
export const LINGER_MS = 1000;

/** The stores of a Redis, for as long as they are held. */
export interface HeldStores {
  /** In Redis. */
  readonly shared: Store;
  /** In this process's memory, for while Redis is away. */
  readonly memory: Store;
  /** The last release closes the connection, {@link LINGER_MS} later. */
  release(): void;
}

interface Stores {
  readonly shared: Store;
  readonly memory: Store;
  readonly close: () => void;
  holders: number;
  closing?: NodeJS.Timeout | undefined;
}

// One for equal settings, whichever configurations have them.
const held = new Map<string, Stores>();

/** Holds the stores of these settings, which are made when nobody holds them yet. */
export function holdStores(settings: RedisSettings, log: Logger): HeldStores {
  const key = JSON.stringify(settings);
  const stores = held.get(key) ?? makeStores(settings, log);
  stores.holders += 1;
  clearTimeout(stores.closing);
  held.set(key, stores);
  let released = false;
  return {
    shared: stores.shared,
    memory: stores.memory,
    release() {
      if (released) return;
      released = true;
      stores.holders -= 1;
      if (stores.holders > 0 || held.get(key) !== stores) return;
      stores.closing = setTimeout(() => {
        held.delete(key);
        stores.close();
      }, LINGER_MS).unref();
    },
  };
}

/** Closes all of them, whoever holds them, so that the process can end. */
export function closeStores(): void {
  for (const stores of held.values()) {
    clearTimeout(stores.closing);
    stores.close();
  }
  held.clear();
}

function makeStores(settings: RedisSettings, log: Logger): Stores {
  const target = redisTarget(settings);
  const database = unscopedDatabase(target ?? settings, settings.namePrefix);
  // Where nothing but revoked tokens is kept no environment publishes, and keys are told apart by databases.
  if (database !== undefined && settings.keeps !== 'revocations') log.warn({ database }, UNSCOPED_DATABASE);
  const tiers = new KnownTiers(() => performance.now());
  const redis = redisFor(settings, log);
  const store = timed(
    redisStore(redis, tiers, logUnreadableTiers(log), (reason) => {
      log.warn({ reason }, 'redis denies the keys of returns: limits are charged without them');
    }),
  );
  const memory = memoryStore(() => performance.now() * 1000, MAX_MEMORY_LIMITS, tiers);
  const isCluster = target?.kind === 'cluster';
  const teller = breakerTeller(log);
  return {
    // One master of a cluster may be away, which its own connection tells at once: the others are asked on.
    shared: isCluster
      ? store
      : breaker(
          store,
          () => performance.now(),
          (open) => {
            teller.tellChange(open);
          },
        ),
    memory,
    close() {
      teller.over();
      closeRedis(settings);
    },
    holders: 0,
  };
}

/** Counts and logs what a breaker does, until it is over. */
function breakerTeller(log: Logger) {
  let isOpen = false;
  let isOver = false;
  return {
    tellChange(open: boolean): void {
      if (isOver || open === isOpen) return;
      isOpen = open;
      if (open) {
        openBreakers.inc();
        log.warn('redis does not answer');
      } else {
        openBreakers.dec();
        log.info('redis answers again');
      }
    },
    over(): void {
      if (isOpen) openBreakers.dec();
      isOver = true;
    },
  };
}

/** One line for all: a wrong key template makes every tenant's tier unreadable. */
function logUnreadableTiers(log: Logger): (tierKey: string) => void {
  let told = false;
  return (tierKey) => {
    if (!told) log.warn({ tierKey }, "a tenant's tier cannot be read: expected a key with text");
    told = true;
  };
}

function timed(store: Store): Store {
  return {
    async ask(query) {
      const begunMs = performance.now();
      try {
        return await store.ask(query);
      } finally {
        observeSince(redisSeconds, begunMs);
      }
    },
  };
}
