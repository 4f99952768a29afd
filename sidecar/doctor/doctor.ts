import { RedisNames } from '../redis/names';
import { checkGateway } from './gateway-check';
import { holds, type Finding } from './finding';
import { checkRedis } from './redis-checks';
import { checkSettings } from './settings-checks';

/** The arguments of `ws-bridge doctor`. */
export interface DoctorOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The gateway to go through; only what needs no gateway is checked when undefined. */
  readonly gateway: { readonly url: URL; readonly token: string; readonly path: string } | undefined;
  /** For each step through the gateway, in milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Checks one after the other, each told as soon as it is known. A check that builds on a failed one is left out. */
export async function* diagnose({ env, gateway, timeoutMs, now }: DoctorOptions): AsyncGenerator<Finding> {
  const { findings, settings, routes } = await checkSettings(env);
  yield* findings;
  if (settings === undefined) return;
  const names = new RedisNames(settings.channelPrefix);
  const redis = await checkRedis(settings, names, routes, now);
  yield* redis;
  if (gateway === undefined) {
    yield holds('gateway', 'not tried: name one with --gateway');
    return;
  }
  if (!redis.every(({ ok }) => ok)) return;
  yield* await checkGateway({ ...gateway, routes, names, redis: settings, timeoutMs });
}
