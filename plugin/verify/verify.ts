import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { unscopedDatabase } from '../../redis/name-prefix';
import { STRAY_LINE_END } from '../../protocol/line-end';
import { canonicalPath } from '../../protocol/path';
import type { LimitedBy, PageRule, Rate, RateLimit } from '../config/config';
import type { AuthorizationService } from '../authorization/service';
import type { Authorization } from '../config/authorization';
import { parseConfig } from '../config/parse';
import type { Consumer } from '../consumer/consumer';
import { derivedConsumer } from '../consumer/derived';
import { judge, type Asks, type Judgement, type Step } from '../authorization/judge';
import { countsRefusal, decide, NOBODY } from '../decision/decide';
import type { Admit, Reject } from '../decision/verdict';
import { verifierFor } from '../prepare';
import { RefusedUpgrades } from '../decision/refused-upgrades';
import type { RoutedUpgrade } from '../request/request';
import { SCHEMA } from '../schema/index';
import { withDefaults } from '../schema/defaults';
import { strayLineEnds } from '../schema/stray-line-ends';
import { schemaFaults } from '../schema/validate';
import { appliedLimits, type LimitSubject } from '../store/limits';
import { redisTarget } from '../store/redis-options';
import type { VerifiedToken } from '../token/verify';
import { MemoryLimits } from '../store/memory-limits';
import { memoryStore } from '../store/memory-store';
import { declaredConfig } from './kong-file';
import { withEnvironment } from './vault';
import { ConfigError } from '../schema/config-error';

/** The arguments of `ws-gatekeeper verify`. */
export interface VerifyRequest {
  readonly token: string;
  /** Kong's declarative configuration, or a KongPlugin. */
  readonly configFile: string;
  readonly pluginName: string;
  /** The path of the upgrade, without a query. */
  readonly path: string;
  readonly origin: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly log: Logger;
}

/** One limit that would count the upgrade, or its refusal. */
export interface CountingLimit {
  readonly by: LimitedBy;
  readonly paths: readonly string[];
  readonly rate: Rate;
  /** Not there where it charges each upgrade. */
  readonly page?: PageRule | undefined;
  /** Whether the figures are those of the token's tier. */
  readonly ofTier: boolean;
}

/** The answers of the rules of authorization about a good token. */
export interface Authorizing {
  /** Where an authorization service is asked, it is taken to allow. */
  readonly judgement: Judgement | Asks;
  /** The rules that were asked. */
  readonly steps: readonly Step[];
  readonly rules: number;
  /** Where none fits. */
  readonly otherwise: 'allow' | 'deny';
}

/** The decision that the gatekeeper would make. */
export interface Verification {
  readonly route: string;
  readonly verdict: Admit | Reject;
  /** Undefined for a token that is not good. */
  readonly authorizing: Authorizing | undefined;
  /** The tier of an admitted token. */
  readonly tier: string | undefined;
  /** The limits that would count an admitted upgrade. */
  readonly limits: readonly CountingLimit[];
  /** Whether the configuration also asks Redis, which is not asked here. */
  readonly asksRedis: boolean;
  /** The prefix of the keys in the Redis that only revoked tokens are in; undefined where there is none. */
  readonly revocationPrefix: string | undefined;
  /** Whether Redis is also asked for the tenant's tier, which goes before the token's. */
  readonly asksTier: boolean;
  /** The prefix of every key there. */
  readonly redisPrefix: string;
  /** Whether Kong has to have the consumer, which is not asked here. */
  readonly asksConsumer: boolean;
  /** A database that no prefix goes with. */
  readonly unscopedDatabase: number | undefined;
}

/**
 * Decides as the gatekeeper would, from a file and with no trace: nothing is counted, Redis is not asked. Keys at a
 * jwks_uri are fetched.
 * @throws ConfigError when the configuration cannot be used
 */
export async function verify(request: VerifyRequest): Promise<Verification> {
  const { token: given, env, now, log } = request;
  const path = canonicalPath(request.path);
  const { route, config: declared } = declaredConfig(path, request.pluginName, request.configFile);
  const raw = withEnvironment(SCHEMA, checked(declared), env);
  const { config, keys } = await parseConfig(raw);
  for (const field of strayLineEnds(SCHEMA, raw)) log.warn({ field }, STRAY_LINE_END);
  const store = memoryStore(() => now * 1_000_000);
  const context = {
    verifier: verifierFor(config, keys, log),
    assertionKey: keys.assertion,
    store,
    fallbackStore: store,
    refused: new RefusedUpgrades(() => now * 1_000_000),
    messages: new MemoryLimits(() => now * 1_000_000, 2),
    newId: randomUUID,
    random: () => 0,
    authorizationService: ALLOWING_SERVICE,
  };
  const upgrade = upgradeWith(given, request.origin, path);
  const verdict = await decide(upgrade, firstPlace(config), context, now, anyConsumer);
  const asksConsumer = config.consumer?.lookup === true;
  const { enabled, redis: ofTokens } = config.revocation;
  const asksRedis = config.rateLimits.length > 0 || (enabled && ofTokens === undefined);
  const revocationPrefix = enabled ? ofTokens?.namePrefix : undefined;
  const asksTier = config.tierKey !== undefined;
  const redisPrefix = config.redis.namePrefix;
  const database = unscopedDatabase(redisTarget(config.redis) ?? config.redis, redisPrefix);
  const redis = {
    asksRedis,
    asksTier,
    redisPrefix,
    revocationPrefix,
    unscopedDatabase: asksRedis ? database : undefined,
    asksConsumer,
  };
  const token = await goodToken();
  const authorizing = token && authorizingOf(config.authorization, path, token);
  if (verdict.outcome !== 'admitted' || token === undefined) {
    const counting =
      verdict.outcome !== 'admitted' && countsRefusal(verdict.status) ? config.refusedLimits : [];
    const limits = countingLimits(counting, { ...NOBODY, path, ip: undefined });
    return { route, verdict, authorizing, tier: undefined, limits, ...redis };
  }
  const { identity, tier } = token;
  const subject = { ...identity, tier, path, routeId: undefined, ip: undefined };
  return { route, verdict, authorizing, tier, limits: countingLimits(config.rateLimits, subject), ...redis };

  /** Among refused tokens only those that rules refused were good before that. */
  async function goodToken(): Promise<VerifiedToken | undefined> {
    if (verdict.outcome !== 'admitted' && verdict.outcome !== 'not_authorized') return undefined;
    return context.verifier.verify(given, now);
  }

  function firstPlace(parsed: typeof config): typeof config {
    return { ...parsed, tokenLocations: { ...parsed.tokenLocations, headerNames: [TOKEN_HEADER] } };
  }
}

function authorizingOf(authorization: Authorization, path: string, token: VerifiedToken): Authorizing {
  const steps: Step[] = [];
  const judgement = judge(
    authorization,
    path,
    token,
    (question) => ALLOWING_SERVICE.known(question),
    (step) => steps.push(step),
  );
  return { judgement, steps, rules: authorization.rules.length, otherwise: authorization.otherwise };
}

/** The configuration that Kong would take, filled in. @throws ConfigError naming each field that it would refuse */
function checked(declared: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const filled = withDefaults(SCHEMA, declared);
  const faults = schemaFaults(SCHEMA, filled);
  if (faults.length > 0) throw new ConfigError(faults.join('; '));
  return filled;
}

function countingLimits(limits: readonly RateLimit[], subject: LimitSubject): readonly CountingLimit[] {
  return limits.flatMap((limit) =>
    appliedLimits([limit], subject, '').map(({ rate }) => {
      const { by, paths, page } = limit;
      return { by, paths, rate, page, ofTier: subject.tier !== undefined && limit.tiers.has(subject.tier) };
    }),
  );
}

/** No service is asked here. */
const ALLOWING_SERVICE: AuthorizationService = {
  known: () => ({ isAllowed: true, access: undefined }),
  isShut: () => false,
  ask: () => Promise.reject(new Error('expected no question')),
};

function anyConsumer(username: string): Promise<Consumer> {
  return Promise.resolve(derivedConsumer(username));
}

/** Where the token stands here, wherever clients put theirs. */
const TOKEN_HEADER = 'authorization';

function upgradeWith(token: string, origin: string | undefined, path: string): RoutedUpgrade {
  return {
    path,
    upstreamPath: path,
    rawQuery: '',
    ip: '192.0.2.1',
    routeId: 'verify',
    headers: {
      connection: ['Upgrade'],
      upgrade: ['websocket'],
      'sec-websocket-version': ['13'],
      [TOKEN_HEADER]: [`Bearer ${token}`],
      ...(origin !== undefined && { origin: [origin] }),
    },
  };
}
