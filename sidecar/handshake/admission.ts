import { ASSERTION_CLOCK_TOLERANCE_SECONDS, type Assertion } from '../../protocol/assertion';
import { SUBPROTOCOL } from '../../protocol/frames';
import { queryValues } from '../../protocol/query';
import type { Admission, BridgeV1Request, Caller } from '../connection/admission';
import type { HistoryPlace } from '../history/history-store';
import { headerReader } from '../http/headers';
import {
  badRequest,
  forbidden,
  full,
  NOT_FOUND,
  unauthorized,
  unavailable,
  UPGRADE_REQUIRED,
  type Refusal,
} from '../http/refusal';
import { splitTarget } from '../http/target';
import { topicText } from '../presence/topic';
import type { RedisNames } from '../redis/names';
import { OLDEST, parseResumePoint } from '../resume/resume-point';
import type { ChannelValues } from '../routes/channel-template';
import { matchRoute } from '../routes/match';
import type { Route } from '../routes/route';
import { SESSION_PATTERN } from '../sessions/sessions';
import type { AssertionPathRule } from '../settings/assertion-path-rule';
import type { AssertionAccessRule } from '../settings/assertion-access-rule';
import { assertionAccessFault } from './assertion-access';
import { assertionPathFault } from './assertion-path';
import type { AssertionGuard, ReplayVerdict } from './replay-guard';
import type { Purpose, RawRequest, UpgradeRequest } from './upgrade-request';
import { verifyCaller, type CallerPolicy } from './verify-caller';

/** An upgrade is judged by these. */
export interface AdmissionPolicy extends CallerPolicy {
  readonly routes: readonly Route[];
  readonly names: RedisNames;
  readonly assertionPath: AssertionPathRule;
  readonly assertionAccess: AssertionAccessRule;
  readonly replayGuard: AssertionGuard;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonicMs: () => number;
  /** A session for a client that named none. */
  readonly newSession: () => string;
}

/** The outcome of an upgrade. When it is refused, it has as much as is known of the upgrade, for the log line. */
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
  const match = matchRoute(policy.routes, request.path);
  if (match.kind === 'unknown') return refused(NOT_FOUND);
  if (match.kind === 'malformed') return refused(badRequest('expected percent-encoded UTF-8 in the path'));
  const { route, params } = match;
  const handshake = FAULTS[request.purpose](request);
  if (handshake !== undefined) return refused(handshake, route);

  const caller = await verifyCaller(request.caller, policy);
  if ('outcome' in caller) return refused(caller, route);
  const elsewhere = assertionPathFault(caller, match.path, policy.assertionPath);
  if (elsewhere !== undefined) return refused(elsewhere, route, caller);
  const undecided = assertionAccessFault(caller, policy.assertionAccess);
  if (undecided !== undefined) return refused(undecided, route, caller);
  const resume = readResume(request, route);
  if (resume !== undefined && 'outcome' in resume) return refused(resume, route, caller);
  const asked = route.session ? sessionAsked(request.query, resume) : undefined;
  if (typeof asked === 'object') return refused(asked, route, caller);
  const isNewSession = route.session && asked === undefined;
  if (isNewSession && request.purpose === 'message')
    return refused(badRequest('expected the session that the message is for'), route, caller);
  const session = isNewSession ? policy.newSession() : asked;
  const { names } = policy;
  const values = valuesOf(params, caller, session);
  const channels = channelsOf(route, values, names);
  if (channels.some((channel) => names.isOwnChannel(channel)))
    return refused(forbidden("the channel is the bridges' own"), route, caller);
  const stateKey = route.initial && names.state(route.initial, values);
  if (stateKey !== undefined && names.isOwnKey(stateKey))
    return refused(forbidden("the key is the bridges' own"), route, caller);
  const history = historyOf(route, channels, values, names);
  if (history !== undefined && names.isOwnKey(history.key))
    return refused(forbidden("the key is the bridges' own"), route, caller);
  const accepted = acceptOnce(caller, policy);
  // One process waits for nobody, and not for a turn of its own promises either.
  const replay = replayFault(typeof accepted === 'string' ? accepted : await accepted);
  if (replay !== undefined) return refused(replay, route, caller);

  const { trace } = request;
  const { path } = match;
  const admission = {
    route,
    caller: connectedCaller(caller, path),
    path,
    session,
    isNewSession,
    channels,
    stateKey,
    history,
    topic: topicOf(route, channels, params, caller, session, names),
    bridgeV1: resume,
    trace,
  };
  return { admitted: true, admission };
}

/** @param path of the upgrade: the same text is kept once */
function connectedCaller(caller: Assertion, path: string): Caller {
  const { identity, requestId, tokenJti, tokenExp, access, iat } = caller;
  return {
    identity,
    requestId,
    tokenJti,
    tokenExp,
    path: caller.path === path ? path : caller.path,
    access,
    iat,
  };
}

/** Judges a request that asks for no upgrade: it never gets more than a refusal. */
export function judgePlainRequest(
  { url, httpVersion = '1.1', rawHeaders }: RawRequest,
  routes: readonly Route[],
): Refusal {
  const hosts = readHosts(rawHeaders).values.length;
  if (lacksHost({ httpVersion, hosts })) return HOST_MISSING;
  return matchRoute(routes, splitTarget(url).path).kind === 'route' ? UPGRADE_REQUIRED : NOT_FOUND;
}

function refused(refusal: Refusal, route?: Route, caller?: Assertion): Verdict {
  return { admitted: false, refusal, route, caller };
}

const readHosts = headerReader({ values: 'Host' });

const HOST_MISSING = badRequest('expected one Host');

/** RFC 9112 §3.2: a request of HTTP/1.1 has one Host. */
function lacksHost({ httpVersion, hosts }: Pick<UpgradeRequest, 'httpVersion' | 'hosts'>): boolean {
  return httpVersion === '1.1' && hosts !== 1;
}

/** RFC 6455 §4.2.1: what a client's opening handshake must have. Nobody judges it after this. */
function handshakeFault(request: UpgradeRequest): Refusal | undefined {
  // RFC 9110 §7.8: an Upgrade in a request of HTTP/1.0 is ignored.
  if (request.httpVersion !== '1.1' || request.cameInHttp10) return UPGRADE_REQUIRED;
  if (lacksHost(request)) return HOST_MISSING;
  if (request.method !== 'GET' || !request.offersWebSocket) return UPGRADE_REQUIRED;
  // RFC 6455 §4.4: another version is answered with 426 and the versions that are spoken.
  if (request.webSocketVersion !== '13') return UPGRADE_REQUIRED;
  if (!/^[+/0-9A-Za-z]{22}==$/.test(request.webSocketKey)) {
    return badRequest('expected one Sec-WebSocket-Key of 16 bytes in base64');
  }
  if (request.subprotocols === undefined) {
    return badRequest('expected Sec-WebSocket-Protocol to list subprotocols, each once');
  }
  // Bytes that follow the head would be read as frames.
  return request.hasContent ? badRequest('expected an upgrade without content') : undefined;
}

/** The fault of a request with a message, if it has one. */
function postFault(request: UpgradeRequest): Refusal | undefined {
  return lacksHost(request) ? HOST_MISSING : undefined;
}

/** The fault of a request for an event stream, if it has one; its method and its Accept have made it one. */
function streamFault(request: UpgradeRequest): Refusal | undefined {
  if (lacksHost(request)) return HOST_MISSING;
  return request.hasContent ? badRequest('expected a request for a stream without content') : undefined;
}

const FAULTS: Readonly<Record<Purpose, (request: UpgradeRequest) => Refusal | undefined>> = {
  websocket: handshakeFault,
  http: streamFault,
  message: postFault,
};

/** The values of an upgrade's placeholders. */
function valuesOf(
  params: ChannelValues,
  { identity: { tenantId: tenant, userId: user } }: Assertion,
  session: string | undefined,
): ChannelValues {
  return { ...params, tenant, user, ...(session === undefined ? {} : { session }) };
}

/** The Redis channels of an upgrade, each once. */
function channelsOf(route: Route, values: ChannelValues, names: RedisNames): readonly string[] {
  const channels = route.channels.map((template) => names.channel(template, values));
  return channels.length > 1 ? [...new Set(channels)] : channels;
}

function historyOf(
  { name: route, history }: Route,
  [channel = '']: readonly string[],
  values: ChannelValues,
  names: RedisNames,
): HistoryPlace | undefined {
  if (history === undefined) return undefined;
  const { key, frames: maxFrames, bytes: maxBytes, keptMs } = history;
  return { route, channel, key: names.history(key, values), maxFrames, maxBytes, keptMs };
}

function topicOf(
  { name: route, presence }: Route,
  [channel = '']: readonly string[],
  params: ChannelValues,
  { identity: { tenantId: tenant } }: Assertion,
  session: string | undefined,
  names: RedisNames,
): string | undefined {
  if (!presence) return undefined;
  return topicText({ route, tenant, channel: names.withoutPrefix(channel), params, session });
}

function sessionAsked(query: string, resume: BridgeV1Request | undefined): string | undefined | Refusal {
  const [session, ...others] = queryValues(query, 'session');
  const ofId = resume?.sessionOfId;
  if (session === undefined) return ofId;
  if (others.length > 0 || !SESSION_PATTERN.test(session))
    return badRequest('expected one session of 1 to 128 letters, digits, "_" or "-"');
  return ofId === undefined || ofId === session
    ? session
    : badRequest('expected a Last-Event-ID of the session that the query names');
}

/** @returns undefined for a plain client */
function readResume(
  { purpose, query, subprotocols, lastEventIds }: UpgradeRequest,
  route: Route,
): BridgeV1Request | Refusal | undefined {
  if (purpose === 'message') return undefined;
  if (purpose === 'http')
    return lastEventIds.length > 0 ? readIds(lastEventIds, route) : readParameters(query);
  return subprotocols?.has(SUBPROTOCOL) === true ? readParameters(query) : undefined;
}

function readParameters(query: string): BridgeV1Request | Refusal {
  const [text, ...others] = queryValues(query, 'resume');
  const lacksState = queryValues(query, 'state')[0] === 'missing';
  if (text === undefined) return { from: undefined, lacksState };
  const from = text === OLDEST ? OLDEST : parseResumePoint(text);
  if (others.length === 0 && from !== undefined) return { from, lacksState };
  return badRequest('expected one resume point, <epoch>.<offset>');
}

/** An event's id (PROTOCOL.md §11): a resume point, and what the client's URL lacks. */
const EVENT_ID = /^([^&]+)(&state=missing)?(?:&session=([A-Za-z0-9_-]{1,128}))?$/;

function readIds([id = '', ...others]: readonly string[], { session }: Route): BridgeV1Request | Refusal {
  const [, point = '', state, sessionOfId] = EVENT_ID.exec(id) ?? [];
  const from = parseResumePoint(point);
  if (others.length > 0 || from === undefined || (sessionOfId !== undefined && !session))
    return badRequest('expected one Last-Event-ID, the id of an event of this stream');
  return { from, lacksState: state !== undefined, sessionOfId };
}

function acceptOnce(
  caller: Assertion,
  { replayGuard, now, monotonicMs }: AdmissionPolicy,
): ReturnType<AssertionGuard['accept']> {
  const endsAt = caller.exp + ASSERTION_CLOCK_TOLERANCE_SECONDS;
  return replayGuard.accept(caller.jti, endsAt, now() / 1000, monotonicMs() / 1000);
}

/** The verdict may come from another process: a word that is not known here admits nobody. */
function replayFault(verdict: ReplayVerdict | 'away'): Refusal | undefined {
  switch (verdict) {
    case 'first':
      return undefined;
    case 'replayed':
      return REPLAYED;
    case 'ended':
      return ENDED;
    case 'full':
      return FULL;
    default:
      return UNTOLD;
  }
}

const REPLAYED = unauthorized('the assertion was used before');
const ENDED = unauthorized('the assertion has expired');
const FULL = full('the bridge is full');
const UNTOLD = unavailable('the bridge cannot tell now whether the assertion was used before');
