import { createLocalJWKSet, errors, type JSONWebKeySet } from 'jose';
import type { JwksSettings } from '../config/config';
import { Refusal } from '../refusal';
import type { KeySource, VerificationKey } from './key-source';

/** What a remote key set needs besides its settings. */
export interface JwksContext {
  /** Fetches and parses the set's document. */
  readonly fetch: () => Promise<unknown>;
  /** Called when the fetched keys are others than before. */
  readonly onChange: () => void;
  /** Called when a fetch succeeded. */
  readonly onSuccess: () => void;
  /** Called with the age of the keys, in seconds, when they are used. */
  readonly onUse: (ageSeconds: number) => void;
  /** Called when a fetch failed. */
  readonly onFailure: (error: Error) => void;
}

/** A failed fetch is not tried again sooner, in seconds. */
const RETRY_SECONDS = 1;

type KeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * The keys of a `jwks_uri`. Fetched when first needed, refreshed in the background once `cacheSeconds` old, served
 * stale for `staleSeconds` more while the endpoint fails, fetched again at most every `cooldownSeconds` for an unknown
 * `kid`; one fetch however many upgrades wait for it.
 */
export class RemoteKeys implements KeySource {
  readonly #settings: JwksSettings;
  readonly #context: JwksContext;
  #keys: KeySet | undefined;
  #document = '';
  #fetchedAt = -Infinity;
  #attemptedAt = -Infinity;
  #pending: Promise<void> | undefined;

  constructor(settings: JwksSettings, context: JwksContext) {
    this.#settings = settings;
    this.#context = context;
  }

  async candidates(alg: string, kid: string | undefined, now: number): Promise<readonly VerificationKey[]> {
    const { cacheSeconds, staleSeconds, cooldownSeconds } = this.#settings;
    const age = now - this.#fetchedAt;
    if (age > cacheSeconds + staleSeconds) await this.#refresh(now);
    else if (age > cacheSeconds) void this.#refresh(now);
    if (this.#keys === undefined || now - this.#fetchedAt > cacheSeconds + staleSeconds) throw unavailable();

    this.#context.onUse(now - this.#fetchedAt);
    const keys = await select(this.#keys, alg, kid);
    if (keys.length > 0) return keys;
    // A fetch under way may bring the key; else another one only after the cooldown.
    if (this.#pending === undefined && now - this.#attemptedAt < cooldownSeconds) return keys;
    await this.#refresh(now);
    return select(this.#keys, alg, kid);
  }

  /** Fetches unless one is under way or just failed; never rejects. */
  async #refresh(now: number): Promise<void> {
    if (this.#pending === undefined && now - this.#attemptedAt < RETRY_SECONDS) return;
    this.#pending ??= this.#fetch(now).finally(() => {
      this.#pending = undefined;
    });
    await this.#pending;
  }

  async #fetch(now: number): Promise<void> {
    this.#attemptedAt = now;
    try {
      const document = (await this.#context.fetch()) as JSONWebKeySet;
      this.#keys = createLocalJWKSet(document);
      this.#fetchedAt = now;
      this.#context.onSuccess();
      const text = JSON.stringify(document);
      if (text !== this.#document) this.#context.onChange();
      this.#document = text;
    } catch (cause) {
      this.#context.onFailure(cause as Error);
    }
  }
}

function unavailable(): Refusal {
  const headers = { 'Retry-After': String(RETRY_SECONDS) };
  return new Refusal(
    503,
    'keys_unavailable',
    "The issuer's keys cannot be fetched, try again later",
    headers,
  );
}

async function select(keys: KeySet, alg: string, kid: string | undefined): Promise<VerificationKey[]> {
  try {
    return [{ key: await keys({ alg, ...(kid !== undefined && { kid }) }) }];
  } catch (cause) {
    if (cause instanceof errors.JWKSMultipleMatchingKeys) return collect(cause);
    // No key, or one that cannot be used: to this token they are the same.
    return [];
  }
}

async function collect(several: errors.JWKSMultipleMatchingKeys): Promise<VerificationKey[]> {
  const keys: VerificationKey[] = [];
  for await (const key of several) keys.push({ key });
  return keys;
}
