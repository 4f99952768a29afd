import { signAssertion } from '../../protocol/assertion';
import { REQUEST_ID_PATTERN } from '../../protocol/headers';
import { rolesText, type Identity } from '../../protocol/identity';
import type { FittedKey } from '../../protocol/keys';
import type { GatekeeperOutcome } from '../../protocol/refusals';
import type { GatekeeperConfig, RateLimit } from '../config/config';
import type { AuthenticatedConsumer, FindConsumer } from '../consumer/consumer';
import { credentialOf, derivedConsumer } from '../consumer/derived';
import { consumerHeaders } from '../consumer/headers';
import { usernameOf } from '../consumer/username';
import { clientNetwork } from '../lib/client-network';
import type { AuthorizationService } from '../authorization/service';
import { judgeByAsking, judgeKnown } from './authorized';
import { originOf } from './origin';
import { rateLimitHeaders, retryAfter, tellingState } from './rate-limit-headers';
import { bearerChallenge, Refusal } from '../request/refusal';
import { purposeOf, singleHeader, type RoutedUpgrade, type UpgradeRequest } from '../request/request';
import { UNCOUNTED, type ClientRefusals, type OverLimit, type RefusedUpgrades } from './refused-upgrades';
import { returnKey } from '../../protocol/return-key';
import { appliedLimits, tierKeyOf } from '../store/limits';
import type { MemoryLimits } from '../store/memory-limits';
import {
  StoreUnreachableError,
  type LimitState,
  type Store,
  type StoreAnswer,
  type StoreQuery,
} from '../store/store';
import { bearerValues } from '../token/extractors';
import { findToken, type PresentedToken } from '../token/locations';
import type { TokenVerifier, VerifiedToken } from '../token/verify';

/** The upgrade goes on to the upstream. */
export interface Admit {
  readonly outcome: 'admitted';
  readonly requestId: string;
  readonly identity: Identity;
  /** Whom Kong's other plugins take for the caller; undefined where the configuration names nobody. */
  readonly consumer: AuthenticatedConsumer | undefined;
  /** Set on the upstream request, all at once, over whatever the client sent. */
  readonly upstreamHeaders: Readonly<Record<string, string>>;
  /** Removed from the upstream request. */
  readonly clearHeaders: readonly string[];
  /** The upstream's query, when it must change. */
  readonly rawQuery: string | undefined;
  /** Set on the response to the client. */
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** The upstream's header that no log may have, in lower case. */
  readonly secretHeader: string;
}

/** The facts that were known of an upgrade when it was refused: for the log, never for the client. */
export interface Told {
  /** The identity in a token that was verified. */
  identity?: Identity;
  /** The limit that refused. */
  limit?: { readonly by: string; readonly paths: readonly string[]; readonly limit: number };
  /** The field of the configuration that does not let the token open the path. */
  rule?: string;
  /** The address or network of a client over a limit with its refused upgrades. */
  address?: string | undefined;
  /** Why this upgrade would be refused without that limit, as far as it was looked at. */
  refusedFor?: GatekeeperOutcome;
}

/** The upgrade ends here. */
export interface Reject extends Readonly<Told> {
  readonly outcome: GatekeeperOutcome;
  readonly requestId: string;
  readonly status: number;
  readonly message: string;
  readonly responseHeaders: Readonly<Record<string, string>>;
}

/** A decision needs these besides the request and the configuration. */
export interface DecisionContext {
  readonly verifier: TokenVerifier;
  readonly assertionKey: FittedKey;
  /** Shared by all gatekeepers. */
  readonly store: Store;
  /** Asked in its place while it cannot be reached, where the configuration allows it. */
  readonly fallbackStore: Store;
  /** Counts messages that are posted, in this process's memory. */
  readonly messages: Pick<MemoryLimits, 'charge'>;
  /** Counts refused upgrades by address. */
  readonly refused: RefusedUpgrades;
  /** Asked by rules with a `url`; not there where no rule has one. */
  readonly authorizationService?: AuthorizationService | undefined;
  /** A new unique id (RFC 9562). */
  readonly newId: () => string;
  /** A number from 0 on and below 1. */
  readonly random: () => number;
}

/** Seconds that a client is told to wait when the store cannot be reached. */
const RETRY_AFTER_UNREACHABLE_SECONDS = 1;

/**
 * Decides one upgrade. Touches no clock and no gateway.
 * @param now seconds since the epoch
 * @param findConsumer asked where the configuration wants a consumer that Kong has
 * @throws only what is no refusal: a fault of the gatekeeper itself
 */
export async function decide(
  request: RoutedUpgrade,
  config: GatekeeperConfig,
  context: DecisionContext,
  now: number,
  findConsumer: FindConsumer = noKong,
): Promise<Admit | Reject> {
  const requestId = requestIdOf(request, config, context);
  const told: Told = {};
  const client = clientOf(request, config, context);
  try {
    return await admit(request, config, context, now, { requestId, told, client, findConsumer });
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    const refusal = countedRefusal(cause, client, config, now, told);
    if (refusal.code === 'too_many_refused') told.address = addressOf(request, config);
    return { ...reject(worded(refusal, config, context), config, requestId), ...told };
  }
}

/** The facts that one decision gathers. */
interface Begun {
  readonly requestId: string;
  readonly told: Told;
  readonly client: ClientRefusals;
  readonly findConsumer: FindConsumer;
}

function noKong(): never {
  throw new Error('expected a Kong that can be asked for a consumer');
}

async function admit(
  request: RoutedUpgrade,
  config: GatekeeperConfig,
  context: DecisionContext,
  now: number,
  { requestId, told, client, findConsumer }: Begun,
): Promise<Admit> {
  const purpose = purposeOf(request, config);
  const isDryRun = purpose === 'none';
  if (isDryRun && !asksForReason(request, config)) throw notAnUpgrade();
  const { cookiesCount } = originOf(request, purpose, config.origins);
  const presented = findToken(request, config.tokenLocations, config.token.maximumTokenBytes, cookiesCount);
  const { over } = client;
  if (over !== undefined && !context.verifier.knows(presented.token, now) && !client.mayVerify()) {
    throw tooManyRefused(over, config, now, told);
  }
  const token = await context.verifier.verify(presented.token, now);
  told.identity = token.identity;
  const { authorization } = config;
  const { authorizationService: service } = context;
  const judged = { authorization, service, path: request.upstreamPath, token, told };
  const known = judgeKnown(judged);
  const username = config.consumer && usernameOf(config.consumer, token);
  const isMessage = purpose === 'message';
  const messageHeaders = isMessage ? chargeMessage(token, config, context, now, told) : undefined;
  const query = queryOf(request, config, token, isDryRun, isMessage ? [] : config.rateLimits);
  const answer = await askStore(query, config, context);
  if (answer.revoked) context.verifier.forget(presented.token);
  const limitHeaders = { ...messageHeaders, ...checkStore(answer, query, config, now, told) };
  const consumer =
    username === undefined ? undefined : await consumerOf(username, token, config, findConsumer);
  // A request for the reason is charged to no limit, so it asks no service either.
  if (isDryRun) throw notAnUpgrade();
  const { access } = known.isGranted ? known : await judgeByAsking(judged, known, requestId, now);

  const { identity, jti: tokenJti, exp: tokenExp } = token;
  const caller = { identity, requestId, tokenJti, tokenExp, path: request.upstreamPath, access };
  const assertion = await signAssertion(caller, context.assertionKey, now, context.newId());
  return {
    outcome: 'admitted',
    requestId,
    identity,
    consumer,
    ...upstreamChanges(config, presented, { identity, consumer }, requestId, assertion),
    responseHeaders: limitHeaders,
    secretHeader: config.headerNames.assertion.toLowerCase(),
  };
}

async function consumerOf(
  username: string,
  { identity }: VerifiedToken,
  { consumer: rule }: GatekeeperConfig,
  findConsumer: FindConsumer,
): Promise<AuthenticatedConsumer> {
  // Kong's acl plugin must not pass over the roles for the groups of a consumer that Kong may not have.
  if (rule?.lookup !== true) return { consumer: derivedConsumer(username), credential: undefined };
  const consumer = await findConsumer(username);
  if (consumer === undefined) throw new Refusal('no_consumer', 'No consumer is known for the token');
  return { consumer, credential: credentialOf(identity, consumer) };
}

/** A page cannot read why its handshake was refused, so it asks by a request whose answer it can read (PROTOCOL.md §4). */
function asksForReason(request: UpgradeRequest, { tokenLocations }: GatekeeperConfig): boolean {
  return bearerValues(request, tokenLocations.headerNames).length > 0;
}

function notAnUpgrade(): Refusal {
  return new Refusal('not_an_upgrade', 'This is a WebSocket endpoint', { Upgrade: 'websocket' });
}

function clientOf(
  request: UpgradeRequest,
  config: GatekeeperConfig,
  { refused }: DecisionContext,
): ClientRefusals {
  const { refusedLimits, redis, overLimitVerifications } = config;
  if (refusedLimits.length === 0) return UNCOUNTED;
  const subject = { ...NOBODY, path: request.path, ip: addressOf(request, config) };
  return refused.of(appliedLimits(refusedLimits, subject, redis.keyPrefix), overLimitVerifications);
}

/** Whom a limit by address counts before a token was verified. */
export const NOBODY = { tenantId: '', userId: '', tier: undefined, routeId: undefined };

function addressOf({ ip }: UpgradeRequest, { ipv6PrefixBits }: GatekeeperConfig): string | undefined {
  return ip === undefined ? undefined : clientNetwork(ip, ipv6PrefixBits);
}

/** Whether a limit by address counts a refusal with this status: its client causes it. */
export function countsRefusal(status: number): boolean {
  return status === 401 || status === 403;
}

/** A refusal that the client causes counts against it, and is a 429 once it is over. */
function countedRefusal(
  refusal: Refusal,
  client: ClientRefusals,
  config: GatekeeperConfig,
  now: number,
  told: Told,
): Refusal {
  if (!countsRefusal(refusal.status)) return refusal;
  if (client.over === undefined) {
    client.count();
    return refusal;
  }
  told.refusedFor = refusal.code;
  return tooManyRefused(client.over, config, now, told);
}

/** A 429 in the operator's words. Those who were refused together are not told to come back together. */
function worded(
  refusal: Refusal,
  { errorMessage, retryAfterJitterMaxSeconds: jitter }: GatekeeperConfig,
  { random }: DecisionContext,
): Refusal {
  if (refusal.status !== 429 || (errorMessage === undefined && jitter === 0)) return refusal;
  const seconds = Number(refusal.headers['Retry-After']) + Math.floor(random() * (jitter + 1));
  return new Refusal(refusal.code, errorMessage ?? refusal.message, {
    ...refusal.headers,
    'Retry-After': String(seconds),
  });
}

function tooManyRefused({ limit, state }: OverLimit, config: GatekeeperConfig, now: number, told: Told) {
  const { entry } = limit;
  if (entry !== undefined) told.limit = { by: entry.by, paths: entry.paths, limit: state.limit };
  const message = 'Too many refused connections from this address, try again later';
  return overLimit('too_many_refused', message, state, config, now);
}

function queryOf(
  request: RoutedUpgrade,
  config: GatekeeperConfig,
  { identity, tier, jti }: VerifiedToken,
  isDryRun: boolean,
  limits: readonly RateLimit[],
): StoreQuery {
  const { tenantId, userId } = identity;
  const { path, upstreamPath, routeId } = request;
  const subject = { tenantId, userId, tier, path, upstreamPath, routeId, ip: addressOf(request, config) };
  return {
    limits: appliedLimits(limits, subject, config.redis.keyPrefix, config.tierKey !== undefined),
    tierKey: config.tierKey === undefined ? undefined : tierKeyOf(config.tierKey, tenantId),
    returnKey: limits.length === 0 ? undefined : returnKeyOf(request, config, identity),
    isDryRun,
    revocationKey:
      config.revocation.enabled && jti !== undefined ? config.revocation.keyPrefix + jti : undefined,
  };
}

/**
 * Charges a message that is posted, to limits of its own: one for each keystroke must be no upgrade. They are in memory, since what they bound
 * is this gatekeeper's time (docs/adr/0021).
 * @throws Refusal 429
 */
function chargeMessage(
  { identity: { tenantId, userId } }: VerifiedToken,
  config: GatekeeperConfig,
  { messages }: DecisionContext,
  now: number,
  told: Told,
): ReturnType<typeof tellingHeaders> {
  const limits = appliedLimits(
    config.messageLimits,
    { ...NOBODY, path: undefined, ip: undefined, tenantId, userId },
    config.redis.keyPrefix,
  );
  const { admitted, states } = messages.charge(limits);
  const state = tellingState(states);
  if (state === undefined) return {};
  if (admitted) return tellingHeaders(state, config, now);
  const { entry } = limits[states.indexOf(state)] ?? {};
  if (entry !== undefined) told.limit = { by: entry.by, paths: entry.paths, limit: state.limit };
  throw overLimit('rate_limited', 'Too many messages, try again later', state, config, now);
}

/** A bridge names a return by the path that the assertion is for. */
function returnKeyOf(
  { upstreamPath }: RoutedUpgrade,
  { returnPrefix }: GatekeeperConfig,
  { tenantId, userId }: Identity,
): string | undefined {
  if (returnPrefix === undefined) return undefined;
  return returnKey(returnPrefix, tenantId, userId, upstreamPath);
}

async function askStore(
  query: StoreQuery,
  config: GatekeeperConfig,
  context: DecisionContext,
): Promise<StoreAnswer> {
  if (query.limits.length === 0 && query.revocationKey === undefined) {
    return { admitted: true, states: [], revoked: false };
  }
  const answer = await askShared(query, context);
  const { uncounted = [], revoked } = answer;
  if (revoked === true || (revoked !== undefined && uncounted.length === 0)) return answer;
  if (revoked === undefined && !config.revocation.faultTolerant)
    throw unknown('Whether the token was revoked');
  if (uncounted.length > 0 && !config.faultTolerant) throw unknown('The rate limit');
  const counted = await context.fallbackStore.ask({ ...query, limits: uncounted, revocationKey: undefined });
  return bothAnswers(query, answer, counted);
}

/** Where nothing is answered, nothing is known; otherwise each answer stands, whatever became of the others. */
async function askShared(query: StoreQuery, { store }: DecisionContext): Promise<StoreAnswer> {
  try {
    return await store.ask(query);
  } catch (cause) {
    if (!(cause instanceof StoreUnreachableError)) throw cause;
    const revoked = query.revocationKey === undefined ? false : undefined;
    return { admitted: true, states: [], uncounted: query.limits, revoked };
  }
}

function unknown(what: string): Refusal {
  return new Refusal('redis_unreachable', `${what} cannot be checked, try again later`, {
    'Retry-After': String(RETRY_AFTER_UNREACHABLE_SECONDS),
  });
}

/** The states of limits that Redis counted, and from this process's memory those that it did not. */
function bothAnswers({ limits }: StoreQuery, shared: StoreAnswer, memory: StoreAnswer): StoreAnswer {
  const uncounted = new Set(shared.uncounted);
  const [inRedis, inMemory] = [shared.states.values(), memory.states.values()];
  const states = limits.map((limit) => (uncounted.has(limit) ? inMemory : inRedis).next().value);
  return {
    admitted: shared.admitted && memory.admitted,
    states: states.filter((state) => state !== undefined),
    revoked: shared.revoked,
  };
}

function checkStore(
  { admitted, states, revoked }: StoreAnswer,
  { limits }: StoreQuery,
  config: GatekeeperConfig,
  now: number,
  told: Told,
) {
  if (revoked === true) throw new Refusal('revoked', 'The token was revoked');
  const state = tellingState(states);
  if (state === undefined) return {};
  if (admitted) return tellingHeaders(state, config, now);
  const { entry } = limits[states.indexOf(state)] ?? {};
  if (entry !== undefined) told.limit = { by: entry.by, paths: entry.paths, limit: state.limit };
  throw overLimit('rate_limited', 'Too many connections, try again later', state, config, now);
}

function overLimit(
  code: GatekeeperOutcome,
  message: string,
  state: LimitState,
  config: GatekeeperConfig,
  now: number,
): Refusal {
  const headers = { 'Retry-After': retryAfter(state), ...tellingHeaders(state, config, now) };
  return new Refusal(code, message, headers);
}

function tellingHeaders(state: LimitState, config: GatekeeperConfig, now: number) {
  return config.hideClientHeaders ? {} : rateLimitHeaders(state, config.rateLimitReset, now);
}

function upstreamChanges(
  config: GatekeeperConfig,
  { changes }: PresentedToken,
  { identity, consumer }: Pick<Admit, 'identity' | 'consumer'>,
  requestId: string,
  assertion: string,
): Pick<Admit, 'upstreamHeaders' | 'clearHeaders' | 'rawQuery'> {
  const names = config.headerNames;
  const kongs = consumer && consumerHeaders(consumer.consumer);
  const upstreamHeaders = {
    ...changes.setHeaders,
    ...kongs?.set,
    [names.tenant]: identity.tenantId,
    [names.user]: identity.userId,
    [names.roles]: rolesText(identity.roles),
    [names.requestId]: requestId,
    [names.assertion]: assertion,
  };
  const clearHeaders = kongs === undefined ? changes.clearHeaders : [...changes.clearHeaders, ...kongs.clear];
  return { upstreamHeaders, clearHeaders, rawQuery: changes.rawQuery };
}

function requestIdOf(request: UpgradeRequest, config: GatekeeperConfig, context: DecisionContext): string {
  const given = singleHeader(request, config.headerNames.requestId);
  return given !== undefined && REQUEST_ID_PATTERN.test(given) ? given : context.newId();
}

function reject(refusal: Refusal, config: GatekeeperConfig, requestId: string): Reject {
  const challenge =
    refusal.status === 401 ? { 'WWW-Authenticate': bearerChallenge(config.realm, refusal.code) } : undefined;
  return {
    outcome: refusal.code,
    requestId,
    status: refusal.status,
    message: refusal.message,
    responseHeaders: { ...refusal.headers, ...challenge, [config.headerNames.requestId]: requestId },
  };
}
