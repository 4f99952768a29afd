import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { ConfigError } from './config/config';
import { canonicalPath } from '../protocol/path';
import { readTraceContext } from '../protocol/trace-context';
import { decide, type Admit, type Reject } from './decide';
import type { HeaderLists, HeaderSelection } from './header-selection';
import { headerLists, MAX_HEADERS, type Kong } from './kong';
import { decisions, decisionSeconds, observeSince } from './metrics';
import { readyFor, type Ready } from './readiness';
import { singleHeader, type UpgradeRequest } from './request';

/** What the log says of an upgrade besides its verdict, as far as it is known. */
interface Upgrade {
  /** Of the `traceparent` that Kong has for this request. */
  traceId: string | undefined;
}

/** The one shell that touches `kong.*`: asks {@link decide} and carries out what it says. Fails closed. */
export class Gatekeeper {
  readonly #ready: Promise<Ready | ConfigError>;
  readonly #log: Logger;

  /** @param raw the configuration as Kong hands it over */
  constructor(raw: unknown, log: Logger) {
    this.#log = log;
    this.#ready = readyFor(raw, log);
  }

  /** Kong's access phase: sets the upstream's headers, or ends the request. Whatever fails ends it with 500. */
  async access(kong: Kong): Promise<void> {
    const upgrade: Upgrade = { traceId: undefined };
    let refusal: Reject;
    try {
      const verdict = await this.#timedDecision(kong, upgrade);
      if (verdict.outcome === 'admitted') {
        await this.#admit(kong, verdict, upgrade);
        return;
      }
      refusal = verdict;
    } catch (cause) {
      const requestId = randomUUID();
      this.#log.error({ err: cause, requestId, ...upgrade }, 'decision failed');
      refusal = failure('internal_error', requestId, 500, 'The gateway failed');
    }
    await this.#reject(kong, refusal, upgrade);
  }

  async #timedDecision(kong: Kong, upgrade: Upgrade): Promise<Admit | Reject> {
    const begunMs = performance.now();
    try {
      return await this.#decide(kong, upgrade);
    } finally {
      observeSince(decisionSeconds, begunMs);
    }
  }

  async #decide(kong: Kong, upgrade: Upgrade): Promise<Admit | Reject> {
    const ready = await this.#ready;
    if (ready instanceof ConfigError) {
      const requestId = randomUUID();
      this.#log.error({ requestId, reason: ready.message }, 'misconfigured: every upgrade is refused');
      return failure('misconfigured', requestId, 500, 'The gateway is misconfigured');
    }
    const request = await readRequest(kong, ready);
    upgrade.traceId = traceIdOf(request);
    const decision = decide(request, ready.config, ready.context, Date.now() / 1000);
    return withDeadline(decision, ready.config.decisionTimeoutMs);
  }

  async #admit(kong: Kong, verdict: Admit, upgrade: Upgrade): Promise<void> {
    const upstream = kong.service.request;
    await upstream.setHeaders(verdict.upstreamHeaders);
    for (const name of verdict.clearHeaders) await upstream.clearHeader(name);
    if (verdict.rawQuery !== undefined) await upstream.setRawQuery(verdict.rawQuery);
    if (Object.keys(verdict.responseHeaders).length > 0)
      await kong.response.setHeaders(verdict.responseHeaders);
    decisions.inc({ outcome: verdict.outcome });
    const { requestId, identity } = verdict;
    this.#log.debug({ requestId, tenant: identity.tenantId, ...upgrade }, 'admitted');
  }

  async #reject(kong: Kong, verdict: Reject, upgrade: Upgrade): Promise<void> {
    const { requestId, status, outcome } = verdict;
    decisions.inc({ outcome });
    this.#log.info({ requestId, status, outcome, ...upgrade }, 'refused');
    const headers = { 'Content-Type': 'application/json; charset=utf-8', ...verdict.responseHeaders };
    await kong.response.exit(status, JSON.stringify({ message: verdict.message }), headers);
  }
}

/** Asks Kong, all at once, for what some rule of the configuration needs. */
async function readRequest(kong: Kong, { config, headers: lookedAt }: Ready): Promise<UpgradeRequest> {
  const { rateLimits, places } = config;
  const byPath = rateLimits.some(({ paths }) => paths.length > 0);
  const byQuery = places.uriParamNames.length > 0;
  const byIp = rateLimits.some(({ by }) => by === 'ip');
  const byRoute = rateLimits.some(({ by }) => by === 'route');
  if (!byPath && !byQuery && !byIp && !byRoute) return { headers: await readHeaders(kong, lookedAt) };
  const [headers, path, rawQuery, ip, route] = await Promise.all([
    readHeaders(kong, lookedAt),
    byPath ? kong.request.getPath() : undefined,
    byQuery ? kong.request.getRawQuery() : undefined,
    byIp ? kong.client.getForwardedIp() : undefined,
    byRoute ? kong.router.getRoute() : undefined,
  ]);
  return {
    headers,
    path: path === undefined ? undefined : canonicalPath(path),
    rawQuery,
    ip,
    routeId: route?.id,
  };
}

async function readHeaders({ request }: Kong, lookedAt: HeaderSelection): Promise<HeaderLists> {
  // kong-pdk answers to any name that it is asked for, so what it has not shows only here.
  if ('getSelectedHeaders' in request) return request.getSelectedHeaders(lookedAt, MAX_HEADERS);
  return headerLists(await request.getHeaders(MAX_HEADERS));
}

function traceIdOf(request: UpgradeRequest): string | undefined {
  return readTraceContext(singleHeader(request, 'traceparent'), undefined)?.traceId;
}

function failure(outcome: Reject['outcome'], requestId: string, status: number, message: string): Reject {
  return { outcome, requestId, status, message, responseHeaders: {} };
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
  const refusal = failure('timeout', randomUUID(), 503, 'The decision took too long');
  return { ...refusal, responseHeaders: { 'Retry-After': '1' } };
}
