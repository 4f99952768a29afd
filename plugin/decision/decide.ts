import { signAssertion } from '../../protocol/assertion';
import { REQUEST_ID_PATTERN } from '../../protocol/headers';
import { rolesText, type Identity } from '../../protocol/identity';
import type { FittedKey } from '../../protocol/keys';
import type { GatekeeperConfig, RateLimit } from '../config/config';
import type { AuthenticatedConsumer, FindConsumer } from '../consumer/consumer';
import { credentialOf, derivedConsumer } from '../consumer/derived';
import { consumerHeaders } from '../consumer/headers';
import { usernameOf } from '../consumer/username';
import { clientNetwork } from '../lib/client-network';
import type { AuthorizationService } from '../authorization/service';
import { askStores, wasRevoked, type Stores } from './ask-stores';
import { judgeByAsking, judgeKnown } from './authorized';
import { judgeLimits, overLimit, type Telling } from './judge-limits';
import { originOf } from './origin';
import { bearerChallenge, Refusal } from '../request/refusal';
import {
  claimedHeaders,
  purposeOf,
  singleHeader,
  type RoutedUpgrade,
  type UpgradeRequest,
} from '../request/request';
import { UNCOUNTED, type ClientRefusals, type OverLimit, type RefusedUpgrades } from './refused-upgrades';
import type { Admit, Reject, Told } from './verdict';
import { returnKey } from '../../protocol/return-key';
import { appliedLimits, tierKeyOf } from '../store/limits';
import type { MemoryLimits } from '../store/memory-limits';
import type { StoreQuery } from '../store/store';
import { bearerValues } from '../token/extractors';
import { findToken, type PresentedToken } from '../token/locations';
import type { TokenVerifier, VerifiedToken } from '../token/verify';

/** A decision needs these besides the request and the configuration. */
export interface DecisionContext extends Stores {
  readonly verifier: TokenVerifier;
  readonly assertionKey: FittedKey;
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
    throw tooManyRefused(over, { config, now, told });
  }
  const token = await context.verifier.verify(presented.token, now);
  told.identity = token.identity;
  const { authorization } = config;
  const { authorizationService: service } = context;
  const judged = { authorization, service, path: request.upstreamPath, token, told };
  const known = judgeKnown(judged);
  const username = config.consumer && usernameOf(config.consumer, token);
  const isMessage = purpose === 'message';
  const query = queryOf(request, config, token, isDryRun, isMessage ? [] : config.rateLimits);
  // Posting on and on, a revoked token would use up what its user may post: one that was revoked before is looked up first.
  const isSpared = isMessage && wasRevoked(query, context.store);
  const charge = () => chargeMessage(token, config, context, now, told);
  const chargedAtOnce = isMessage && !isSpared ? charge() : undefined;
  const answer = await askStores(query, config, context);
  if (answer.revoked) context.verifier.forget(presented.token);
  if (answer.revoked === true) throw new Refusal('revoked', 'The token was revoked');
  const messageHeaders = isSpared ? charge() : chargedAtOnce;
  const headers = judgeLimits(answer, query.limits, 'connections', { config, now, told });
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
    ...upstreamChanges(request, config, presented, { identity, consumer }, requestId, assertion),
    responseHeaders: { ...messageHeaders, ...headers },
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
  return tooManyRefused(client.over, { config, now, told });
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

function tooManyRefused(over: OverLimit, telling: Telling): Refusal {
  const message = 'Too many refused connections from this address, try again later';
  return overLimit('too_many_refused', message, over, telling);
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
): Readonly<Record<string, string>> {
  const subject = { ...NOBODY, path: undefined, ip: undefined, tenantId, userId };
  const limits = appliedLimits(config.messageLimits, subject, config.redis.keyPrefix);
  return judgeLimits(messages.charge(limits), limits, 'messages', { config, now, told });
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

function upstreamChanges(
  request: UpgradeRequest,
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
  const cleared = kongs === undefined ? changes.clearHeaders : [...changes.clearHeaders, ...kongs.clear];
  const claimed = claimedHeaders(request, config);
  const clearHeaders = claimed.length === 0 ? cleared : withClaimed(cleared, claimed, upstreamHeaders);
  return { upstreamHeaders, clearHeaders, rawQuery: changes.rawQuery };
}

/** Kong keeps headers apart that differ in `_` and `-`, and many an upstream does not: those that are not set are cleared. */
function withClaimed(
  cleared: readonly string[],
  claimed: readonly string[],
  set: Readonly<Record<string, string>>,
): readonly string[] {
  const own = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  return [...new Set([...cleared, ...claimed.filter((name) => !own.has(name))])];
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
