import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { GatekeeperConfig, JwksSettings } from './config/config';
import type { GatekeeperKeys } from './config/keys';
import { parseConfig } from './config/parse';
import type { DecisionContext } from './decision/decide';
import type { HeaderSelection } from './request/header-selection';
import { HttpPoster } from './authorization/http-post';
import { HttpAuthorizationService, type AuthorizationService } from './authorization/service';
import { Health } from './health';
import { readMaxRefusedAddresses } from './decision/max-refused-addresses';
import { RefusedUpgrades } from './decision/refused-upgrades';
import { RemoteKeys, type FetchedKeys } from './keys/jwks';
import { fetchJwks } from './keys/jwks-fetch';
import { configuredKeys } from './keys/key-source';
import {
  authorizationCalls,
  authorizationSeconds,
  exportRefusedAddresses,
  fallbacks,
  jwksAgeSeconds,
  jwksFetches,
  jwksStaleUses,
  observeSince,
  openAuthorizationBreakers,
  verificationSeconds,
} from './metrics/metrics';
import { lruCache } from './lib/lru-cache';
import { isNestedDeeperThan, MAX_NESTING } from './lib/nesting';
import { lookedAtHeaders } from './request/request';
import { storesOf } from './store/configured-stores';
import { MemoryLimits } from './store/memory-limits';
import { MAX_MEMORY_LIMITS } from './store/memory-store';
import type { HeldStores } from './store/held-stores';
import type { Store } from './store/store';
import { cachingVerifier, type CachingVerifier } from './token/cache';
import { verifyToken } from './token/verify';
import { RareReasons } from './lib/rare-reasons';
import { SCHEMA } from './schema';
import { ConfigError } from './schema/config-error';
import { earlierNames } from './schema/earlier-names';
import { strayLineEnds } from './schema/stray-line-ends';
import { STRAY_LINE_END } from '../protocol/line-end';

/** A configuration made ready to decide by. */
export interface Ready {
  readonly config: GatekeeperConfig;
  readonly context: DecisionContext;
  /** Those that the decision looks at. */
  readonly headers: HeaderSelection;
  /** Lets go of what it holds of Redis and of authorization services. */
  close(): void;
  readonly health: Health;
}

/** How many unusable keys of a JWK Set a log line names. */
const MAX_SHOWN_KEYS = 20;

/** Makes a configuration ready; resolves with the error of one that cannot be used. */
export async function readyFor(raw: unknown, log: Logger): Promise<Ready | ConfigError> {
  try {
    if (isNestedDeeperThan(raw, MAX_NESTING))
      throw new ConfigError(`config: expected no more than ${MAX_NESTING} levels`);
    const { config, keys } = await parseConfig(raw);
    for (const { field, message } of earlierNames(SCHEMA, raw)) log.warn({ field }, message);
    for (const field of strayLineEnds(SCHEMA, raw)) log.warn({ field }, STRAY_LINE_END);
    const stores = storesOf(config, log);
    const service = serviceOf(config, log);
    const context = contextFor(config, keys, stores, service, log);
    return {
      config,
      context,
      health: new Health(context.store, config, monotonicMs),
      headers: lookedAtHeaders(config),
      close() {
        stores?.release();
        service?.close();
      },
    };
  } catch (cause) {
    const error = cause instanceof ConfigError ? cause : new ConfigError((cause as Error).message);
    log.error({ reason: error.message }, 'configuration refused');
    return error;
  }
}

function contextFor(
  config: GatekeeperConfig,
  keys: GatekeeperKeys,
  stores: HeldStores | undefined,
  authorizationService: AuthorizationService | undefined,
  log: Logger,
): DecisionContext {
  return {
    verifier: verifierFor(config, keys, log),
    assertionKey: keys.assertion,
    store: stores?.shared ?? NEVER_ASKED,
    fallbackStore: {
      ask(query) {
        fallbacks.inc();
        return (stores?.memory ?? NEVER_ASKED).ask(query);
      },
    },
    refused: refusedUpgrades,
    messages: postedMessages,
    authorizationService,
    newId: randomUUID,
    random: Math.random,
  };
}

/** The store of a configuration that limits nothing and looks up nothing. */
const NEVER_ASKED: Store = {
  ask: () => Promise.reject(new Error('expected no question to a store')),
};

/** The service that rules with a `url` ask; undefined where there are none. */
function serviceOf(
  { authorization, authorizationService: settings }: GatekeeperConfig,
  log: Logger,
): (AuthorizationService & { close(): void }) | undefined {
  if (authorization.rules.every(({ url }) => url === undefined)) return undefined;
  const poster = new HttpPoster(settings.headers, settings.timeoutMs);
  const told = new RareReasons(monotonicMs);
  let openBreakers = 0;
  const service = new HttpAuthorizationService(settings, {
    post: (url, body, timeoutMs) => poster.post(url, body, timeoutMs),
    monotonicMs,
    onCall(outcome, seconds) {
      authorizationCalls.inc({ outcome });
      authorizationSeconds.observe(seconds);
    },
    onFailure(url, reason) {
      if (told.isNew(url, reason)) log.warn({ url, reason }, 'an authorization service does not decide');
    },
    onBreaker(open) {
      openBreakers += open ? 1 : -1;
      openAuthorizationBreakers.inc(open ? 1 : -1);
    },
  });
  return Object.assign(service, {
    close() {
      poster.close();
      // Nobody would close them any more.
      openAuthorizationBreakers.dec(openBreakers);
      openBreakers = 0;
    },
  });
}

const monotonicMs = () => performance.now();

/** The limits on messages that are posted, of all configurations. */
const postedMessages = new MemoryLimits(() => monotonicMs() * 1000, MAX_MEMORY_LIMITS);

/** One for all configurations, so that what it takes is bounded whatever they are. */
const refusedUpgrades = new RefusedUpgrades(
  () => monotonicMs() * 1000,
  // ws-gatekeeper refuses to start with any other.
  readMaxRefusedAddresses(process.env['GATEKEEPER_MAX_REFUSED_ADDRESSES'] ?? ''),
);
exportRefusedAddresses(() => refusedUpgrades.size);

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

/** So many key sets are remembered beyond the configurations that fetched them. */
const MAX_REMEMBERED_SETS = 100;

/** By their address. A configuration that nobody uses is let go of, and its keys count for longer than that. */
const fetchedKeys = lruCache<FetchedKeys>(MAX_REMEMBERED_SETS);

function remoteKeys(settings: JwksSettings, onChange: () => void, log: Logger): RemoteKeys {
  const told = new RareReasons(monotonicMs);
  return new RemoteKeys(settings, {
    fetchedBefore: fetchedKeys.get(settings.uri),
    fetch: () => fetchJwks(fetch, settings.uri, settings.timeoutMs),
    monotonicSeconds: () => monotonicMs() / 1000,
    onChange(leftOut) {
      if (leftOut.length > 0) {
        const shown = leftOut.slice(0, MAX_SHOWN_KEYS);
        log.warn({ count: leftOut.length, keys: shown }, 'jwks_uri has keys that cannot verify tokens');
      }
      onChange();
    },
    onSuccess(fetched) {
      fetchedKeys.set(settings.uri, fetched);
      jwksFetches.inc({ outcome: 'done' });
    },
    onUse(ageSeconds) {
      jwksAgeSeconds.observe(ageSeconds);
      if (ageSeconds > settings.cacheSeconds) jwksStaleUses.inc();
    },
    onFailure({ message: reason }) {
      jwksFetches.inc({ outcome: 'failed' });
      if (told.isNew(settings.uri, reason)) log.warn({ reason }, 'jwks_uri cannot be fetched');
    },
  });
}
