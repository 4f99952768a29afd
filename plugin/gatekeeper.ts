import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { TokenLocations } from './config/config';
import { givenLocations } from './config/given-locations';
import { hasConnectionHeaders, headersFor } from './request/connection-headers';
import type { Consumer } from './consumer/consumer';
import { canonicalPath } from '../protocol/path';
import { GATEKEEPER_REFUSALS } from '../protocol/refusals';
import { readTraceContext } from '../protocol/trace-context';
import { Configurations, fingerprint } from './configurations';
import { decide } from './decision/decide';
import type { Admit, Reject } from './decision/verdict';
import type { HeaderLists, HeaderSelection } from './request/header-selection';
import { tellAdmitted, tellDecided, REDACTED } from './kongs-words';
import { isHealthCheck, type HealthAnswer } from './health';
import { headerLists, MAX_HEADERS, UPGRADE_LOOKED_FOR_IN, type Kong } from './kong';
import { countLimited, decisions, decisionSeconds, observeSince } from './metrics/metrics';
import { readyFor, type Ready } from './prepare';
import {
  consumerMatters,
  isWebSocketUpgrade,
  methodMatters,
  purposeOf,
  singleHeader,
  type Purpose,
  type RoutedUpgrade,
  type UpgradeRequest,
} from './request/request';
import { Refusal, tooManyHeaders } from './request/refusal';
import type { UpstreamChanges } from './token/locations';
import { withheldTokens, withheldUnseen } from './token/withheld';
import { ConfigError } from './schema/config-error';

/** The facts that are known of an upgrade besides its verdict. */
interface Upgrade {
  request: UpgradeRequest | undefined;
  purpose: Purpose | undefined;
  tokenLocations: TokenLocations | undefined;
}

/** The one shell that touches `kong.*`: asks {@link decide} and carries out what it says. Fails closed. */
export class Gatekeeper {
  readonly #configurations: Configurations;
  readonly #key: string;
  readonly #raw: unknown;
  readonly #log: Logger;

  /**
   * @param raw the configuration as Kong hands it over
   * @param configurations where it is made ready, together with equal ones
   */
  constructor(
    raw: unknown,
    log: Logger,
    configurations = new Configurations((given) => readyFor(given, log)),
  ) {
    this.#raw = raw;
    this.#log = log;
    this.#key = fingerprint(raw);
    this.#configurations = configurations;
    configurations.join(this.#key, raw);
  }

  /** Kong's access phase: sets the upstream's headers, or ends the request. Any failure ends it with 500. */
  async access(kong: Kong): Promise<void> {
    const upgrade: Upgrade = { request: undefined, purpose: undefined, tokenLocations: undefined };
    let refusal: Reject;
    try {
      const verdict = await this.#timedDecision(kong, upgrade);
      if (verdict.outcome === 'health_check') {
        await answerHealthCheck(kong, verdict);
        return;
      }
      if (verdict.outcome === 'admitted') {
        await this.#admit(kong, verdict, upgrade);
        return;
      }
      refusal = verdict;
    } catch (cause) {
      refusal = cause instanceof Refusal ? unread(cause) : this.#failed(cause, upgrade);
    }
    await this.#reject(kong, refusal, upgrade);
  }

  #failed(cause: unknown, upgrade: Upgrade): Reject {
    const requestId = randomUUID();
    this.#log.error({ err: cause, requestId, traceId: traceIdOf(upgrade) }, 'decision failed');
    return failure('internal_error', requestId, 'The gateway failed');
  }

  async #timedDecision(kong: Kong, upgrade: Upgrade): Promise<Admit | Reject | HealthAnswer> {
    const begunMs = performance.now();
    let isUpgrade = true;
    try {
      const verdict = await this.#decide(kong, upgrade);
      isUpgrade = verdict.outcome !== 'health_check';
      return verdict;
    } finally {
      if (isUpgrade) observeSince(decisionSeconds, begunMs);
    }
  }

  /** Lets go of the configuration: Kong has closed this instance. */
  close(): void {
    this.#configurations.leave(this.#key);
  }

  #decide(kong: Kong, upgrade: Upgrade): Promise<Admit | Reject | HealthAnswer> {
    return this.#configurations.use(this.#key, this.#raw, (ready) => this.#decideBy(ready, kong, upgrade));
  }

  async #decideBy(
    ready: Ready | ConfigError,
    kong: Kong,
    upgrade: Upgrade,
  ): Promise<Admit | Reject | HealthAnswer> {
    if (ready instanceof ConfigError) {
      const requestId = randomUUID();
      this.#log.error({ requestId, reason: ready.message }, 'misconfigured: every upgrade is refused');
      return failure('misconfigured', requestId, 'The gateway is misconfigured');
    }
    upgrade.tokenLocations = ready.config.tokenLocations;
    const request = await withRest(kong, await readRequest(kong, ready), ready);
    upgrade.request = request;
    upgrade.purpose = purposeOf(request, ready.config);
    if (isHealthCheck(request, ready.config)) return ready.health.answer();
    const decision = decide(request, ready.config, ready.context, Date.now() / 1000, (username) =>
      consumerNamed(kong, username),
    );
    return withDeadline(decision, ready.config.decisionTimeoutMs);
  }

  async #admit(kong: Kong, verdict: Admit, upgrade: Upgrade): Promise<void> {
    const { upstreamHeaders: setHeaders, clearHeaders, rawQuery } = verdict;
    await change(kong, { setHeaders, clearHeaders, rawQuery }, upgrade.request?.target);
    await tellAdmitted(kong, verdict);
    if (Object.keys(verdict.responseHeaders).length > 0)
      await kong.response.setHeaders(verdict.responseHeaders);
    decisions.inc({ outcome: verdict.outcome });
    const { requestId, identity } = verdict;
    this.#log.debug({ requestId, tenant: identity.tenantId, traceId: traceIdOf(upgrade) }, 'admitted');
  }

  async #reject(kong: Kong, verdict: Reject, upgrade: Upgrade): Promise<void> {
    const { status, outcome, message, responseHeaders, identity } = verdict;
    decisions.inc({ outcome });
    // A page that asks for the reason was counted when its upgrade was refused.
    const isCharged = upgrade.purpose !== 'none';
    if (outcome === 'rate_limited' && identity !== undefined && isCharged) countLimited(identity.tenantId);
    await this.#tellLog(kong, verdict, upgrade);
    const type = { 'Content-Type': 'application/json; charset=utf-8' };
    const headers = await allowedHeaders(kong, { ...type, ...responseHeaders });
    // Asked in the write that exits, so that it costs no round trip.
    const told = this.#tellOf(verdict, upgrade, knownToKong(kong));
    await kong.response.exit(status, JSON.stringify({ message }), headers);
    await told;
  }

  async #tellOf(verdict: Reject, upgrade: Upgrade, asked: Promise<KnownToKong>): Promise<void> {
    const { requestId, status, outcome, identity, limit, rule, address, refusedFor } = verdict;
    const { kongRequestId, ...place } = await asked;
    const whom = { tenant: identity?.tenantId, user: identity?.userId, address, refusedFor, limit, rule };
    const where = { ...scopeOf(this.#raw), ...place, traceId: traceIdOf(upgrade) };
    this.#log.info({ requestId, kongRequestId, status, outcome, ...whom, ...where }, 'refused');
  }

  async #tellLog(kong: Kong, verdict: Reject, upgrade: Upgrade): Promise<void> {
    const { requestId } = verdict;
    try {
      await change(kong, this.#withheld(upgrade), upgrade.request?.target);
      await tellDecided(kong, verdict);
    } catch (cause) {
      // The refusal matters more.
      this.#log.error({ err: cause, requestId }, "a refused token may be in Kong's logs");
    }
  }

  /** Kong's logs tell of refused requests, too. */
  #withheld({ request, tokenLocations }: Upgrade): UpstreamChanges {
    if (request !== undefined && tokenLocations !== undefined) return withheldTokens(request, tokenLocations);
    return withheldUnseen(tokenLocations ?? givenLocations(this.#raw));
  }
}

/** The ids of the route and of the service that this configuration is for, where it is for one. */
function scopeOf(raw: unknown): { route: unknown; service: unknown } {
  const { route_id: route, service_id: service } = Object(raw) as Record<string, unknown>;
  return { route: route ?? undefined, service: service ?? undefined };
}

/** The facts of a request that only Kong knows. Members that it did not tell are not there. */
interface KnownToKong {
  /** Kong's own id of the request: it answers it as `X-Kong-Request-Id` and logs it as `request.id`. Kong before 3.5 has none. */
  readonly kongRequestId?: string;
  readonly route?: string;
  readonly routeName?: string;
  readonly service?: string;
}

async function knownToKong({ nginx, router }: Kong): Promise<KnownToKong> {
  // The line matters more than what it says.
  const silent = () => undefined;
  const [id, route] = await Promise.all([
    nginx.getVar('kong_request_id').catch(silent),
    router.getRoute().catch(silent),
  ]);
  return {
    ...(id ? { kongRequestId: id } : {}),
    ...(route?.id ? { route: route.id } : {}),
    ...(route?.name ? { routeName: route.name } : {}),
    ...(route?.service?.id ? { service: route.service.id } : {}),
  };
}

/** Calls without a result, which leave in one write with what comes next. */
async function change(kong: Kong, changes: UpstreamChanges, target: string | undefined): Promise<void> {
  await changeHeaders(kong.service.request, changes);
  if (changes.rawQuery === undefined) return;
  await kong.service.request.setRawQuery(changes.rawQuery);
  // Kong logs the request's address as the client sent it.
  const logged = withQuery(target, changes.rawQuery);
  for (const key of ['request.uri', 'request.url']) await kong.log.setSerializeValue(key, logged);
}

async function changeHeaders(
  upstream: Kong['service']['request'],
  { setHeaders, clearHeaders }: UpstreamChanges,
): Promise<void> {
  const isSetting = Object.keys(setHeaders).length > 0;
  // kong-pdk answers to any name that it is asked for, so what it has not shows only here.
  if (isSetting && clearHeaders.length > 0 && 'changeHeaders' in upstream) {
    await upstream.changeHeaders(setHeaders, clearHeaders);
    return;
  }
  if (isSetting) await upstream.setHeaders(setHeaders);
  for (const name of clearHeaders) await upstream.clearHeader(name);
}

function withQuery(target: string | undefined, rawQuery: string): string {
  if (target === undefined) return REDACTED;
  const [path = ''] = target.split('?', 1);
  return rawQuery === '' ? path : `${path}?${rawQuery}`;
}

function answerHealthCheck(kong: Kong, { status, body }: HealthAnswer): Promise<void> {
  return kong.response.exit(status, body, { 'Content-Type': 'application/json; charset=utf-8' });
}

/** Those of these headers that the client's version of HTTP allows. It is asked of Kong only where that matters. */
async function allowedHeaders(kong: Kong, headers: Reject['responseHeaders']): Promise<typeof headers> {
  if (!hasConnectionHeaders(headers)) return headers;
  return headersFor(await kong.request.getHttpVersion().catch(() => undefined), headers);
}

/** Kong looks for an id first: a name that is somebody's id must not become that consumer. */
async function consumerNamed({ client }: Kong, username: string): Promise<Consumer | undefined> {
  const consumer = await client.loadConsumer(username, true);
  return consumer?.username === username ? consumer : undefined;
}

/** Asks Kong, all at once, for what an assertion says and what some rule of the configuration needs. */
async function readRequest(kong: Kong, { config, headers: lookedAt }: Ready): Promise<RoutedUpgrade> {
  const { rateLimits, refusedLimits, tokenLocations, healthPath } = config;
  const byPath =
    healthPath !== undefined || [...rateLimits, ...refusedLimits].some(({ paths }) => paths.length > 0);
  const byQuery = tokenLocations.uriParamNames.length > 0;
  const byIp = refusedLimits.length > 0;
  const byRoute = rateLimits.some(({ by }) => by === 'route');
  const [headers, upstreamUri, path, rawQuery, target, ip, route] = await Promise.all([
    readHeaders(kong, lookedAt),
    kong.nginx.getVar('upstream_uri'),
    byPath ? kong.request.getPath() : undefined,
    byQuery ? kong.request.getRawQuery() : undefined,
    byQuery ? kong.request.getPathWithQuery() : undefined,
    byIp ? kong.client.getForwardedIp() : undefined,
    byRoute ? kong.router.getRoute() : undefined,
  ]);
  return {
    headers,
    upstreamPath: upstreamPathOf(upstreamUri),
    path: path === undefined ? undefined : canonicalPath(path),
    rawQuery,
    target,
    ip,
    routeId: route?.id,
  };
}

/** The method too, and whether Kong has a consumer, where they matter: a round trip more, and none for an upgrade as most are. */
async function withRest(kong: Kong, request: RoutedUpgrade, { config }: Ready): Promise<RoutedUpgrade> {
  const [isMethod, isConsumer] = [methodMatters(request, config), consumerMatters(request, config)];
  if (!isMethod && !isConsumer) return request;
  const [method, consumer] = await Promise.all([
    isMethod ? kong.request.getMethod() : undefined,
    isConsumer ? kong.client.getConsumer() : undefined,
  ]);
  return { ...request, method, hasConsumer: Boolean(consumer?.id) };
}

/** @throws TypeError when Kong does not say where the upgrade goes: an assertion that counts nowhere would only hide it */
function upstreamPathOf(upstreamUri: unknown): string {
  if (typeof upstreamUri === 'string' && upstreamUri.startsWith('/')) return canonicalPath(upstreamUri);
  throw new TypeError("expected Kong's variable upstream_uri to be a path");
}

/** @throws Refusal 431 where a header may not be seen, or `Upgrade` is seen and Kong may not see it: a posted message would count as an upgrade */
async function readHeaders({ request }: Kong, lookedAt: HeaderSelection): Promise<HeaderLists> {
  // kong-pdk answers to any name that it is asked for, so what it has not shows only here.
  const { headers, lines } =
    'getSelectedHeaders' in request
      ? await request.getSelectedHeaders(lookedAt, MAX_HEADERS)
      : headerLists(await request.getHeaders(MAX_HEADERS));
  const isUpgradeUnsure = lines > UPGRADE_LOOKED_FOR_IN && isWebSocketUpgrade({ headers });
  if (lines >= MAX_HEADERS || isUpgradeUnsure) throw tooManyHeaders();
  return headers;
}

/** The trace id of the `traceparent` that Kong has for this request. */
function traceIdOf({ request }: Upgrade): string | undefined {
  if (request === undefined) return undefined;
  return readTraceContext(singleHeader(request, 'traceparent'), undefined)?.traceId;
}

function failure(outcome: Reject['outcome'], requestId: string, message: string): Reject {
  const { status } = GATEKEEPER_REFUSALS[outcome];
  return { outcome, requestId, status, message, responseHeaders: {} };
}

/** The refusal of a request that is not read to its end. */
function unread({ code, message }: Refusal): Reject {
  return failure(code, randomUUID(), message);
}

function withDeadline(decision: Promise<Admit | Reject>, timeoutMs: number): Promise<Admit | Reject> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve(tooLate());
    }, timeoutMs);
    const settled = () => {
      clearTimeout(timer);
    };
    decision.then(resolve, reject);
    decision.then(settled, settled);
  });
}

function tooLate(): Reject {
  const refusal = failure('timeout', randomUUID(), 'The decision took too long');
  return { ...refusal, responseHeaders: { 'Retry-After': '1' } };
}
