import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { ConfigError, parseConfig, type GatekeeperConfig } from './config';
import { decide, type Admit, type DecisionContext, type Reject } from './decide';
import { headerLists, MAX_HEADERS, type Kong } from './kong';
import { redisLimiter } from './rate-limit/redis-limiter';
import { redisFor } from './redis-connection';

interface Ready {
  readonly config: GatekeeperConfig;
  readonly context: DecisionContext;
}

/** The one shell that touches `kong.*`: asks {@link decide} and carries out what it says. Fails closed. */
export class Gatekeeper {
  readonly #ready: Promise<Ready | ConfigError>;
  readonly #log: Logger;

  /** @param raw the configuration as Kong hands it over */
  constructor(raw: unknown, log: Logger) {
    this.#log = log;
    this.#ready = prepare(raw, log);
  }

  /** Kong's access phase: sets the upstream's headers, or ends the request. Whatever fails ends it with 500. */
  async access(kong: Kong): Promise<void> {
    let refusal: Reject;
    try {
      const verdict = await this.#decide(kong);
      if (verdict.outcome === 'admitted') {
        await this.#admit(kong, verdict);
        return;
      }
      refusal = verdict;
    } catch (cause) {
      const requestId = randomUUID();
      this.#log.error({ err: cause, requestId }, 'decision failed');
      refusal = failure('internal_error', requestId, 500, 'The gateway failed');
    }
    await this.#reject(kong, refusal);
  }

  async #decide(kong: Kong): Promise<Admit | Reject> {
    const ready = await this.#ready;
    if (ready instanceof ConfigError) {
      const requestId = randomUUID();
      this.#log.error({ requestId, reason: ready.message }, 'misconfigured: every upgrade is refused');
      return failure('misconfigured', requestId, 500, 'The gateway is misconfigured');
    }
    const request = { headers: headerLists(await kong.request.getHeaders(MAX_HEADERS)) };
    const decision = decide(request, ready.config, ready.context, Date.now() / 1000);
    return withDeadline(decision, ready.config.decisionTimeoutMs);
  }

  async #admit(kong: Kong, verdict: Admit): Promise<void> {
    await kong.service.request.setHeaders(verdict.upstreamHeaders);
    for (const name of verdict.clearHeaders) await kong.service.request.clearHeader(name);
    if (Object.keys(verdict.responseHeaders).length > 0)
      await kong.response.setHeaders(verdict.responseHeaders);
    this.#log.debug({ requestId: verdict.requestId, tenant: verdict.identity.tenantId }, 'admitted');
  }

  async #reject(kong: Kong, verdict: Reject): Promise<void> {
    const { requestId, status, outcome } = verdict;
    this.#log.info({ requestId, status, outcome }, 'refused');
    const headers = { 'Content-Type': 'application/json; charset=utf-8', ...verdict.responseHeaders };
    await kong.response.exit(status, JSON.stringify({ message: verdict.message }), headers);
  }
}

async function prepare(raw: unknown, log: Logger): Promise<Ready | ConfigError> {
  try {
    const { config, keys } = await parseConfig(raw);
    const { rateLimit, redis } = config;
    const limiter = rateLimit && redisLimiter(redisFor(redis, log), rateLimit, redis.keyPrefix);
    return { config, context: { keys, limiter, newId: randomUUID } };
  } catch (cause) {
    const error = cause instanceof ConfigError ? cause : new ConfigError((cause as Error).message);
    log.error({ reason: error.message }, 'configuration refused');
    return error;
  }
}

function failure(outcome: Reject['outcome'], requestId: string, status: number, message: string): Reject {
  return { outcome, requestId, status, message, responseHeaders: {} };
}

async function withDeadline(decision: Promise<Admit | Reject>, timeoutMs: number): Promise<Admit | Reject> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Reject>((resolve) => {
    timer = setTimeout(() => {
      const headers = { 'Retry-After': '1' };
      resolve({
        ...failure('timeout', randomUUID(), 503, 'The decision took too long'),
        responseHeaders: headers,
      });
    }, timeoutMs);
  });
  try {
    return await Promise.race([decision, late]);
  } finally {
    clearTimeout(timer);
  }
}
