import type { GatekeeperOutcome } from '../../protocol/refusals';
import type { GatekeeperConfig } from '../config/config';
import { Refusal } from '../request/refusal';
import type { AppliedLimit } from '../store/limits';
import type { LimitState, StoreAnswer } from '../store/store';
import { rateLimitHeaders, retryAfter, tellingState } from './rate-limit-headers';
import type { Told } from './verdict';

/** How a client is told of limits, and where the log finds which one refused. */
export interface Telling {
  readonly config: Pick<GatekeeperConfig, 'hideClientHeaders' | 'rateLimitReset'>;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly told: Told;
}

/**
 * Judges what was charged to limits.
 * @param charged has a state for each of them, in their order
 * @param what is counted, in words that the client reads
 * @returns the response headers that tell the client its limit
 * @throws Refusal 429
 */
export function judgeLimits(
  { admitted, states }: Pick<StoreAnswer, 'admitted' | 'states'>,
  limits: readonly AppliedLimit[],
  what: 'connections' | 'messages',
  telling: Telling,
): Readonly<Record<string, string>> {
  const state = tellingState(states);
  if (state === undefined) return {};
  if (admitted) return tellingHeaders(state, telling);
  const limit = limits[states.indexOf(state)];
  throw overLimit('rate_limited', `Too many ${what}, try again later`, { limit, state }, telling);
}

/** The refusal of a client that is over a limit, which the log is told of. */
export function overLimit(
  code: GatekeeperOutcome,
  message: string,
  { limit, state }: { readonly limit: AppliedLimit | undefined; readonly state: LimitState },
  telling: Telling,
): Refusal {
  const entry = limit?.entry;
  if (entry !== undefined) telling.told.limit = { by: entry.by, paths: entry.paths, limit: state.limit };
  return new Refusal(code, message, { 'Retry-After': retryAfter(state), ...tellingHeaders(state, telling) });
}

function tellingHeaders(state: LimitState, { config, now }: Telling): Readonly<Record<string, string>> {
  return config.hideClientHeaders ? {} : rateLimitHeaders(state, config.rateLimitReset, now);
}
