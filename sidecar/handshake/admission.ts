import {
  ASSERTION_CLOCK_TOLERANCE_SECONDS,
  AssertionError,
  verifyAssertion,
  type Assertion,
} from '../../protocol/assertion';
import { SUBPROTOCOL } from '../../protocol/frames';
import type { HeaderNames } from '../../protocol/headers';
import { rolesText } from '../../protocol/identity';
import type { FittedKey } from '../../protocol/keys';
import { readTraceContext, type TraceContext } from '../../protocol/trace-context';
import { assertionPathFault } from './assertion-path';
import {
  badRequest,
  forbidden,
  full,
  NOT_FOUND,
  unauthorized,
  UPGRADE_REQUIRED,
  type Refusal,
} from '../http/refusal';
import type { RedisNames } from '../redis/names';
import { parseResumePoint } from '../resume/resume-point';
import type { ReplayGuard } from './replay-guard';
import { headerValues, type RequestHeaders } from '../http/headers';
import type { Route } from '../routes/route';
import { SESSION_PATTERN } from '../sessions/sessions';
import type { Admission, BridgeV1Request } from '../connection/admission';
import { matchRoute } from '../routes/match';
import type { AssertionPathRule } from '../settings/assertion-path-rule';

/** What the bridge looks at of an upgrade request; Node's IncomingMessage is one. */
export interface UpgradeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion?: string | undefined;
  readonly rawHeaders: RequestHeaders;
}

/** What an upgrade is judged by. */
export interface AdmissionPolicy {
  readonly routes: readonly Route[];
  readonly names: RedisNames;
  readonly headers: HeaderNames;
  readonly keys: readonly FittedKey[];
  readonly assertionPath: AssertionPathRule;
  readonly replayGuard: ReplayGuard;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** A session for a client that named none. */
  readonly newSession: () => string;
}

/** What came of an upgrade: as much as is known of it, for its log line, when it is refused. */
export type Verdict =
  | { readonly admitted: true; readonly admission: Admission }
  | {
      readonly admitted: false;
      readonly refusal: Refusal;
      readonly route: Route | undefined;
      readonly caller: Assertion | undefined;
    };

/**
 * Judges an upgrade by everything but Redis, guard by guard. Identity comes from the assertion alone
 * (PROTOCOL.md §1); a refusal before the last guard does not use the assertion up.
 */
export async function judgeUpgrade(request: UpgradeRequest, policy: AdmissionPolicy): Promise<Verdict> {
  const [path, query] = splitTarget(request.url ?? '');
  const headers = request.rawHeaders;
  const match = matchRoute(policy.routes, path);
  if (match.kind === 'unknown') return refused(NOT_FOUND);
  if (match.kind === 'malformed') return refused(badRequest('expected percent-encoded UTF-8 in the path'));
  const { route, params } = match;
  const handshake = handshakeFault(request);
  if (handshake !== undefined) return refused(handshake, route);

  const caller = await verifyCaller(headers, policy);
  if ('outcome' in caller) return refused(caller, route);
  const elsewhere = assertionPathFault(caller, match.path, policy.assertionPath);
  if (elsewhere !== undefined) return refused(elsewhere, route, caller);
  const asked = route.session ? readSession(query) : undefined;
  if (typeof asked === 'object') return refused(asked, route, caller);
  const isNewSession = route.session && asked === undefined;
  const session = isNewSession ? policy.newSession() : asked;
  const { tenantId: tenant, userId: user } = caller.identity;
  const values = { ...params, tenant, user, ...(session === undefined ? {} : { session }) };
  const named = route.channels.map((template) => policy.names.channel(template, values));
  const channels = named.length > 1 ? [...new Set(named)] : named;
  if (channels.some((channel) => policy.names.isOwnChannel(channel)))
    return refused(forbidden("the channel is the bridges' own"), route, caller);
  const bridgeV1 = offersBridgeV1(headers) ? readResume(query) : undefined;
  if (bridgeV1 !== undefined && 'outcome' in bridgeV1) return refused(bridgeV1, route, caller);
  const replay = replayFault(caller, policy);
  if (replay !== undefined) return refused(replay, route, caller);

  return {
    admitted: true,
    admission: { route, caller, session, isNewSession, channels, bridgeV1, trace: traceOf(headers) },
  };
}

/** Judges a request that asks for no upgrade: it never gets more than a refusal. */
export function judgePlainRequest(
  { url = '', httpVersion, rawHeaders }: UpgradeRequest,
  routes: readonly Route[],
): Refusal {
  if (lacksHost(httpVersion, rawHeaders)) return HOST_MISSING;
  const [path] = splitTarget(url);
  return matchRoute(routes, path).kind === 'route' ? UPGRADE_REQUIRED : NOT_FOUND;
}

function refused(refusal: Refusal, route?: Route, caller?: Assertion): Verdict {
  return { admitted: false, refusal, route, caller };
}

function splitTarget(target: string): readonly [path: string, query: string] {
  const mark = target.indexOf('?');
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
}

const HOST_MISSING = badRequest('expected one Host');

/** RFC 9112 §3.2: a request of HTTP/1.1 has one Host. */
function lacksHost(httpVersion: string | undefined, headers: RequestHeaders): boolean {
  return httpVersion === '1.1' && headerValues(headers, 'host').length !== 1;
}

/** RFC 6455 §4.2.1: what a client's opening handshake must have. All that ws would refuse by itself is refused here. */
function handshakeFault({ method, httpVersion, rawHeaders: headers }: UpgradeRequest): Refusal | undefined {
  // RFC 9110 §7.8: an Upgrade in a request of HTTP/1.0 is ignored.
  if ((httpVersion ?? '1.1') !== '1.1' || cameInHttp10(headers)) return UPGRADE_REQUIRED;
  if (lacksHost(httpVersion, headers)) return HOST_MISSING;
  const [upgrade] = headerValues(headers, 'upgrade');
  if (method !== 'GET' || upgrade?.toLowerCase() !== 'websocket') return UPGRADE_REQUIRED;
  // RFC 6455 §4.4: another version is answered with 426 and the versions that are spoken.
  if (headerValues(headers, 'sec-websocket-version').join() !== '13') return UPGRADE_REQUIRED;
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headerValues(headers, 'sec-websocket-key').join())) {
    return badRequest('expected one Sec-WebSocket-Key of 16 bytes in base64');
  }
  if (!areSubprotocols(headerValues(headers, 'sec-websocket-protocol'))) {
    return badRequest('expected Sec-WebSocket-Protocol to list subprotocols, each once');
  }
  // What follows the head would be read as frames.
  return hasContent(headers) ? badRequest('expected an upgrade without content') : undefined;
}

/** Kong asks in HTTP/1.1 whatever it was asked in; its `Via` says what that was (RFC 9110 §7.6.3). */
function cameInHttp10(headers: RequestHeaders): boolean {
  const received = headerValues(headers, 'via').join().split(',').at(-1) ?? '';
  return /^\s*(?:HTTP\/)?1\.0\s/i.test(received);
}

// RFC 9110 §5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 6455 §4.1: no subprotocol may be empty, or be there twice. */
function areSubprotocols(values: readonly string[]): boolean {
  if (values.length === 0) return true;
  const offers = values.join().split(/[ \t]*,[ \t]*/);
  return offers.every((offer) => TOKEN.test(offer)) && new Set(offers).size === offers.length;
}

function hasContent(headers: RequestHeaders): boolean {
  const length = headerValues(headers, 'content-length').join();
  return !/^0*$/.test(length) || headerValues(headers, 'transfer-encoding').length > 0;
}

async function verifyCaller(headers: RequestHeaders, policy: AdmissionPolicy): Promise<Assertion | Refusal> {
  const [jws, ...others] = headerValues(headers, policy.headers.assertion);
  if (jws === undefined) return unauthorized('expected an assertion of the gateway');
  if (others.length > 0) return unauthorized('expected one assertion of the gateway');
  try {
    const caller = await verifyAssertion(jws, policy.keys, policy.now() / 1000);
    return plainHeadersFault(headers, caller, policy.headers) ?? caller;
  } catch (error) {
    if (error instanceof AssertionError) return unauthorized(error.message);
    throw error;
  }
}

function plainHeadersFault(
  headers: RequestHeaders,
  caller: Assertion,
  names: HeaderNames,
): Refusal | undefined {
  const { tenantId, userId, roles } = caller.identity;
  const expected: readonly (readonly [string, string])[] = [
    [names.tenant, tenantId],
    [names.user, userId],
    [names.roles, rolesText(roles)],
    [names.requestId, caller.requestId],
  ];
  for (const [name, value] of expected) {
    const given = headerValues(headers, name);
    // A proxy may drop an empty header: no roles are no roles either way.
    if (value === '' && given.length === 0) continue;
    if (given.length !== 1 || given[0] !== value) {
      return unauthorized(`expected one ${name} that agrees with the assertion`);
    }
  }
  return undefined;
}

function traceOf(headers: RequestHeaders): TraceContext | undefined {
  const [traceparent, tracestate] = ['traceparent', 'tracestate'].map((name) =>
    headerValues(headers, name).join(),
  );
  return readTraceContext(traceparent, tracestate);
}

function readSession(query: string): string | undefined | Refusal {
  const [session, ...others] = new URLSearchParams(query).getAll('session');
  if (session === undefined) return undefined;
  if (others.length === 0 && SESSION_PATTERN.test(session)) return session;
  return badRequest('expected one session of 1 to 128 letters, digits, "_" or "-"');
}

function offersBridgeV1(headers: RequestHeaders): boolean {
  const offers = headerValues(headers, 'sec-websocket-protocol').join().split(',');
  return offers.some((offer) => offer.trim() === SUBPROTOCOL);
}

function readResume(query: string): BridgeV1Request | Refusal {
  const [text, ...others] = new URLSearchParams(query).getAll('resume');
  if (text === undefined) return { point: undefined };
  const point = parseResumePoint(text);
  if (others.length === 0 && point !== undefined) return { point };
  return badRequest('expected one resume point, <epoch>.<offset>');
}

function replayFault(
  caller: Assertion,
  { replayGuard, now, monotonicMs }: AdmissionPolicy,
): Refusal | undefined {
  const endsAt = caller.exp + ASSERTION_CLOCK_TOLERANCE_SECONDS;
  switch (replayGuard.accept(caller.jti, endsAt, now() / 1000, monotonicMs() / 1000)) {
    case 'first':
      return undefined;
    case 'replayed':
      return unauthorized('the assertion was used before');
    case 'full':
      return full('the bridge is full');
  }
}
