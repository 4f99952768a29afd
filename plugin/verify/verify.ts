import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { parseConfig } from '../config/parse';
import { decide, type Admit, type Reject } from '../decide';
import { verifierFor } from '../readiness';
import type { UpgradeRequest } from '../request';
import { SCHEMA } from '../schema';
import { withDefaults } from '../schema/defaults';
import { memoryStore } from '../store/memory-store';
import { declaredConfig } from './kong-file';
import { withEnvironment } from './vault';

/** What `ws-gatekeeper verify` is told. */
export interface VerifyRequest {
  readonly token: string;
  /** Kong's declarative configuration. */
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

/** What would be decided. */
export interface Verification {
  readonly route: string;
  readonly verdict: Admit | Reject;
  /** Whether the configuration also asks Redis, which is not asked here. */
  readonly asksRedis: boolean;
}

/**
 * Decides as the gatekeeper would, from a file and with no trace: nothing is counted, Redis is not asked. Keys at a
 * jwks_uri are fetched.
 * @throws ConfigError when the configuration cannot be used
 */
export async function verify(request: VerifyRequest): Promise<Verification> {
  const { token, path, env, now, log } = request;
  const { route, config: declared } = declaredConfig(path, request.pluginName, request.configFile);
  const { config, keys } = await parseConfig(withEnvironment(withDefaults(SCHEMA, declared), env));
  const store = memoryStore(() => now * 1_000_000);
  const context = {
    verifier: verifierFor(config, keys, log),
    assertionKey: keys.assertion,
    store,
    fallbackStore: store,
    newId: randomUUID,
  };
  const verdict = await decide(upgradeWith(token, request.origin, path), firstPlace(config), context, now);
  return { route, verdict, asksRedis: config.rateLimits.length > 0 || config.revocation.enabled };

  function firstPlace(parsed: typeof config): typeof config {
    return { ...parsed, places: { ...parsed.places, headerNames: [TOKEN_HEADER] } };
  }
}

/** Where the token stands here, wherever clients put theirs. */
const TOKEN_HEADER = 'authorization';

function upgradeWith(token: string, origin: string | undefined, path: string): UpgradeRequest {
  return {
    path,
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
