import { createHash, randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { ConfigError, type GatekeeperConfig, type JwksSettings, type RedisSettings } from './config/config';
import type { GatekeeperKeys } from './config/keys';
import { parseConfig } from './config/parse';
import type { DecisionContext } from './decide';
import type { HeaderSelection } from './header-selection';
import { RemoteKeys } from './keys/jwks';
import { fetchJwks } from './keys/jwks-fetch';
import { configuredKeys } from './keys/key-source';
import {
  fallbacks,
  jwksAgeSeconds,
  jwksFetches,
  jwksStaleUses,
  observeSince,
  openBreakers,
  redisSeconds,
  verificationSeconds,
} from './metrics';
import { lookedAtHeaders } from './request';
import { breaker } from './store/breaker';
import { memoryStore } from './store/memory-store';
import { redisFor } from './store/redis-connection';
import { redisTarget } from './store/redis-options';
import { redisStore } from './store/redis-store';
import type { Store } from './store/store';
import { cachingVerifier, type CachingVerifier } from './token/cache';
import { verifyToken } from './token/verify';

/** A configuration made ready to decide by. */
export interface Ready {
  readonly config: GatekeeperConfig;
  readonly context: DecisionContext;
  /** Those that the decision looks at. */
  readonly headers: HeaderSelection;
}

/** How many configurations are kept ready. */
const MAX_CONFIGURATIONS = 1000;

// Kong makes an instance a worker and never reliably closes one: equal configurations share caches and connections.
const known = new LRUCache<string, Promise<Ready | ConfigError>>({ max: MAX_CONFIGURATIONS });

/** Makes a configuration ready, or finds it ready; resolves with the error of one that cannot be used. */
export function readyFor(raw: unknown, log: Logger): Promise<Ready | ConfigError> {
  const key = fingerprint(raw);
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = prepare(raw, log);
  known.set(key, made);
  return made;
}

/** How many unusable keys of a JWK Set a log line names. */
const MAX_SHOWN_KEYS = 20;

const KONGS_OWN = /^(?:__.*|service_id|route_id)$/;

/** Of the configuration alone: what Kong adds for its own use differs between workers and reloads, and decides nothing. */
function fingerprint(raw: unknown): string {
  const settings = Object.entries({ ...(raw as Record<string, unknown> | undefined) });
  const own = settings.filter(([name]) => !KONGS_OWN.test(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(own)).digest('base64');
}

async function prepare(raw: unknown, log: Logger): Promise<Ready | ConfigError> {
  try {
    const { config, keys } = await parseConfig(raw);
    return { config, context: contextFor(config, keys, log), headers: lookedAtHeaders(config) };
  } catch (cause) {
    const error = cause instanceof ConfigError ? cause : new ConfigError((cause as Error).message);
    log.error({ reason: error.message }, 'configuration refused');
    return error;
  }
}

function contextFor(config: GatekeeperConfig, keys: GatekeeperKeys, log: Logger): DecisionContext {
  const { redis, rateLimits, revocation } = config;
  const usesRedis = rateLimits.length > 0 || revocation.enabled;
  const memory = memoryStore(() => monotonicMs() * 1000);
  return {
    verifier: verifierFor(config, keys, log),
    assertionKey: keys.assertion,
    store: usesRedis ? sharedStore(redis, log) : memory,
    fallbackStore: {
      ask(query) {
        fallbacks.inc();
        return memory.ask(query);
      },
    },
    newId: randomUUID,
  };
}

function sharedStore(settings: RedisSettings, log: Logger): Store {
  const store = timed(redisStore(redisFor(settings, log)));
  // Of a cluster one master may be away, which its own connection tells at once: the others are asked on.
  if (redisTarget(settings)?.kind === 'cluster') return store;
  return breaker(store, monotonicMs, logBreaker(log));
}

const monotonicMs = () => performance.now();

function logBreaker(log: Logger) {
  return (open: boolean) => {
    if (open) {
      openBreakers.inc();
      log.warn('redis does not answer');
    } else {
      openBreakers.dec();
      log.info('redis answers again');
    }
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

/** Verifies tokens by a configuration, and remembers those that were good. */
export function verifierFor(config: GatekeeperConfig, keys: GatekeeperKeys, log: Logger): CachingVerifier {
  const remote =
    config.jwks === undefined
      ? undefined
      : remoteKeys(
          config.jwks,
          () => {
            verifier.clear();
          },
          log,
        );
  const sources = [configuredKeys(keys.token), ...(remote === undefined ? [] : [remote])];
  const refreshKeys = async (): Promise<void> => {
    await remote?.keepFresh().catch(() => {
      verifier.clear();
    });
  };
  const verifier = cachingVerifier(
    {
      async verify(token, now) {
        const begunMs = performance.now();
        try {
          return await verifyToken(token, config.token, sources, now);
        } finally {
          observeSince(verificationSeconds, begunMs);
        }
      },
    },
    config.tokenCacheSize,
    config.token.clockToleranceSeconds,
    remote && refreshKeys,
  );
  return verifier;
}

function remoteKeys(settings: JwksSettings, onChange: () => void, log: Logger): RemoteKeys {
  return new RemoteKeys(settings, {
    fetch: () => fetchJwks(fetch, settings.uri, settings.timeoutMs),
    monotonicSeconds: () => monotonicMs() / 1000,
    onChange(leftOut) {
      if (leftOut.length > 0) {
        const shown = leftOut.slice(0, MAX_SHOWN_KEYS);
        log.warn({ count: leftOut.length, keys: shown }, 'jwks_uri has keys that cannot verify tokens');
      }
      onChange();
    },
    onSuccess() {
      jwksFetches.inc({ outcome: 'done' });
    },
    onUse(ageSeconds) {
      jwksAgeSeconds.observe(ageSeconds);
      if (ageSeconds > settings.cacheSeconds) jwksStaleUses.inc();
    },
    onFailure(error) {
      jwksFetches.inc({ outcome: 'failed' });
      log.warn({ reason: error.message }, 'jwks_uri cannot be fetched');
    },
  });
}
