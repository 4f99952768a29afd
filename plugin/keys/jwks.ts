import { HMAC_ALGORITHMS } from '../../protocol/keys';
import type { JwksSettings } from '../config/config';
import { Refusal } from '../request/refusal';
import { readJwkSet, type JwkSet, type LeftOut } from './jwk-set';
import type { KeySource, VerificationKey } from './key-source';

/** A key set as it was fetched last. */
export interface FetchedKeys {
  readonly keys: JwkSet;
  readonly document: string;
  /** Seconds, by the clock of {@link JwksContext.monotonicSeconds}. */
  readonly at: number;
}

/** A remote key set needs these besides its settings. */
export interface JwksContext {
  /** The same set as another fetched it, which is let go of by now: it is no older for that. */
  readonly fetchedBefore?: FetchedKeys | undefined;
  /** Fetches and parses the set's document. */
  readonly fetch: () => Promise<unknown>;
  /** Seconds of a clock that is never set: ages are durations. */
  readonly monotonicSeconds: () => number;
  /** Called when the fetched keys are others than before, with those that cannot be used. */
  readonly onChange: (leftOut: readonly LeftOut[]) => void;
  /** Called when a fetch succeeded. */
  readonly onSuccess: (fetched: FetchedKeys) => void;
  /** Called with the age of the keys, in seconds, when they are used. */
  readonly onUse: (ageSeconds: number) => void;
  /** Called when a fetch failed. */
  readonly onFailure: (error: Error) => void;
}

const SHARED_SECRET_ALGORITHMS: readonly string[] = HMAC_ALGORITHMS;

/** A failed fetch is not tried again sooner, in seconds. */
const RETRY_SECONDS = 1;

/**
 * The keys of a `jwks_uri`. The first upgrade that needs them fetches them. Once `cacheSeconds` old they are refreshed
 * in the background; once twice as old, upgrades wait for the fetch. While the endpoint fails they are served stale for
 * `staleSeconds` more. An unknown `kid` has them fetched again, at most every `cooldownSeconds`; it is told
 * from a wrong one only where that fetch succeeds. Upgrades that wait share one fetch, however many they are.
 */
export class RemoteKeys implements KeySource {
  readonly #settings: JwksSettings;
  readonly #context: JwksContext;
  #fetched: FetchedKeys | undefined;
  #attemptedAt = -Infinity;
  #failing = false;
  /** Whether a fetch has ended. */
  #isTried = false;
  #pending: Promise<void> | undefined;

  constructor(settings: JwksSettings, context: JwksContext) {
    this.#settings = settings;
    this.#context = context;
    this.#fetched = context.fetchedBefore;
  }

  async candidates(alg: string, kid: string | undefined): Promise<readonly VerificationKey[]> {
    // A set that everybody can read has no shared secret: nobody waits for it, and no forgery has it fetched.
    if (SHARED_SECRET_ALGORITHMS.includes(alg)) return [];
    await this.keepFresh();
    this.#context.onUse(this.#age());
    const keys = this.#fitting(alg, kid);
    if (keys.length > 0) return keys;
    // A fetch under way may bring the key; else another one only after the cooldown.
    if (this.#pending !== undefined || this.#sinceAttempt() >= this.#settings.cooldownSeconds)
      await this.#refresh();
    const fetched = this.#fitting(alg, kid);
    // The set may have the key by now.
    if (fetched.length === 0 && this.#failing) throw unavailable();
    return fetched;
  }

  /**
   * Makes sure that what was verified with these keys still counts: resolves when they may be used.
   * @throws Refusal 503 when they are too old and cannot be fetched
   */
  async keepFresh(): Promise<void> {
    const { cacheSeconds, staleSeconds } = this.#settings;
    const age = this.#age();
    // A key may be withdrawn together with a change of the configuration: keys from before that only stand in.
    if (age <= cacheSeconds && this.#isTried) return;
    const tooOld = cacheSeconds + staleSeconds;
    // A key may have been withdrawn: nobody waited for that yet when the set was long unused.
    const mustWait = !this.#isTried || age > tooOld || (age > 2 * cacheSeconds && !this.#failing);
    const refreshed = this.#refresh();
    if (mustWait) await refreshed;
    if (this.#age() > tooOld) throw unavailable();
  }

  #age(): number {
    return this.#context.monotonicSeconds() - (this.#fetched?.at ?? -Infinity);
  }

  #sinceAttempt(): number {
    return this.#context.monotonicSeconds() - this.#attemptedAt;
  }

  #fitting(alg: string, kid: string | undefined): readonly VerificationKey[] {
    const keys = this.#fetched?.keys.keys ?? [];
    return keys.filter((key) => key.algorithms.includes(alg) && (kid === undefined || key.kid === kid));
  }

  /** Fetches unless one is under way or just failed; never rejects. */
  async #refresh(): Promise<void> {
    if (this.#pending === undefined && this.#sinceAttempt() < RETRY_SECONDS) return;
    this.#pending ??= this.#fetch().finally(() => {
      this.#pending = undefined;
    });
    await this.#pending;
  }

  async #fetch(): Promise<void> {
    const at = (this.#attemptedAt = this.#context.monotonicSeconds());
    const before = this.#fetched;
    try {
      const parsed = await this.#context.fetch();
      const document = JSON.stringify(parsed);
      const keys = document === before?.document ? before.keys : readJwkSet(parsed);
      this.#fetched = { keys, document, at };
      this.#failing = false;
      if (keys !== before?.keys) this.#context.onChange(keys.leftOut);
      this.#context.onSuccess(this.#fetched);
    } catch (cause) {
      this.#failing = true;
      this.#context.onFailure(cause as Error);
    } finally {
      this.#isTried = true;
    }
  }
}

function unavailable(): Refusal {
  const headers = { 'Retry-After': String(RETRY_SECONDS) };
  return new Refusal('keys_unavailable', "The issuer's keys cannot be fetched, try again later", headers);
}
