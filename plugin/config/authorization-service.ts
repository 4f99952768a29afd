import type { RawConfig } from './raw';

/** The forms in which a question is asked: its members by themselves, or as OPA's `input`. */
export type QuestionFormat = RawConfig['authorization_service']['format'];

/** How the services that rules name are asked. */
export interface AuthorizationServiceSettings {
  readonly format: QuestionFormat;
  /** Sent with each question. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** How long an answer that allows is remembered; 0 for not at all. */
  readonly cacheSeconds: number;
  /** How long one that refuses is. */
  readonly refusedCacheSeconds: number;
  /** How many of each are remembered. */
  readonly cacheSize: number;
}

/** The settings of what the configuration says. */
export function serviceSettings(raw: RawConfig['authorization_service']): AuthorizationServiceSettings {
  return {
    format: raw.format,
    headers: raw.headers,
    timeoutMs: raw.timeout,
    cacheSeconds: raw.cache_seconds,
    refusedCacheSeconds: raw.refused_cache_seconds,
    cacheSize: raw.cache_size,
  };
}
