import { REQUEST_ID_PATTERN } from '../protocol/headers';
import { signAssertion } from '../protocol/assertion';
import type { Identity } from '../protocol/identity';
import type { GatekeeperConfig, GatekeeperKeys } from './config';
import {
  rateLimitHeaders,
  StoreUnreachableError,
  type LimitVerdict,
  type RateLimiter,
} from './rate-limit/limiter';
import { bearerChallenge, Refusal, type RefusalCode } from './refusal';
import { isWebSocketUpgrade, singleHeader, type UpgradeRequest } from './request';
import { bearerToken } from './token/bearer';
import { verifyToken } from './token/verify';

/** The upgrade goes on to the upstream. */
export interface Admit {
  readonly outcome: 'admitted';
  readonly requestId: string;
  readonly identity: Identity;
  /** Set on the upstream request, all at once, over whatever the client sent. */
  readonly upstreamHeaders: Readonly<Record<string, string>>;
  /** Removed from the upstream request. */
  readonly clearHeaders: readonly string[];
  /** Set on the response to the client. */
  readonly responseHeaders: Readonly<Record<string, string>>;
}

/** The upgrade ends here. */
export interface Reject {
  readonly outcome: RefusalCode;
  readonly requestId: string;
  readonly status: number;
  readonly message: string;
  readonly responseHeaders: Readonly<Record<string, string>>;
}

/** What a decision needs besides the request and the configuration. */
export interface DecisionContext {
  readonly keys: GatekeeperKeys;
  /** Undefined when limiting is switched off. */
  readonly limiter: RateLimiter | undefined;
  /** A new unique id (RFC 9562). */
  readonly newId: () => string;
}

/** Seconds that a client is told to wait when the limits cannot be told. */
const RETRY_AFTER_UNREACHABLE_SECONDS = 1;

/**
 * Decides one upgrade. Touches no clock and no gateway.
 * @param now seconds since the epoch
 * @throws only what is no refusal: a fault of the gatekeeper itself
 */
export async function decide(
  request: UpgradeRequest,
  config: GatekeeperConfig,
  context: DecisionContext,
  now: number,
): Promise<Admit | Reject> {
  const requestId = requestIdOf(request, config, context);
  try {
    return await admit(request, config, context, now, requestId);
  } catch (cause) {
    if (cause instanceof Refusal) return reject(cause, config, requestId);
    throw cause;
  }
}

async function admit(
  request: UpgradeRequest,
  config: GatekeeperConfig,
  context: DecisionContext,
  now: number,
  requestId: string,
): Promise<Admit> {
  if (!isWebSocketUpgrade(request)) {
    throw new Refusal(426, 'not_an_upgrade', 'This is a WebSocket endpoint', { Upgrade: 'websocket' });
  }
  const token = bearerToken(request, config.token.maximumTokenBytes);
  const { identity, jti, exp } = await verifyToken(token, config.token, context.keys.token, now);
  const limit = await charge(identity, context);
  const caller = { identity, requestId, tokenJti: jti, tokenExp: exp };
  const assertion = await signAssertion(caller, context.keys.assertion, now, context.newId());
  return {
    outcome: 'admitted',
    requestId,
    identity,
    upstreamHeaders: identityHeaders(config, identity, requestId, assertion),
    clearHeaders: ['authorization'],
    responseHeaders: limit === undefined ? {} : rateLimitHeaders(limit.state),
  };
}

async function charge(identity: Identity, context: DecisionContext): Promise<LimitVerdict | undefined> {
  const verdict = await consume(identity, context);
  if (verdict === undefined || verdict.admitted) return verdict;
  const retryAfter = Math.max(1, verdict.state.retryAfterSeconds);
  throw new Refusal(429, 'rate_limited', 'Too many connections, try again later', {
    'Retry-After': String(retryAfter),
    ...rateLimitHeaders(verdict.state),
  });
}

async function consume(identity: Identity, context: DecisionContext): Promise<LimitVerdict | undefined> {
  try {
    return await context.limiter?.consume(identity.tenantId);
  } catch (cause) {
    if (!(cause instanceof StoreUnreachableError)) throw cause;
    throw new Refusal(503, 'redis_unreachable', 'The rate limit cannot be checked, try again later', {
      'Retry-After': String(RETRY_AFTER_UNREACHABLE_SECONDS),
    });
  }
}

function identityHeaders(config: GatekeeperConfig, identity: Identity, requestId: string, assertion: string) {
  const names = config.headerNames;
  return {
    [names.tenant]: identity.tenantId,
    [names.user]: identity.userId,
    [names.roles]: identity.roles.join(','),
    [names.requestId]: requestId,
    [names.assertion]: assertion,
  };
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
