import type { FittedKey } from '../../protocol/keys';

/** A key that a signature is tried with. */
export type VerificationKey = Pick<FittedKey, 'key' | 'secret'>;

/** Where verification keys come from. */
export interface KeySource {
  /** Whether its keys are the configuration's own, which nobody withdraws while it holds. */
  readonly isConfigured?: boolean;
  /**
   * The keys that fit an algorithm and a `kid`; none when none is known.
   * @throws Refusal 503 when that cannot be told
   */
  candidates(alg: string, kid: string | undefined): Promise<readonly VerificationKey[]>;
}

/** The keys of the configuration: one with a `kid` serves tokens with that `kid` alone. */
export function configuredKeys(keys: readonly FittedKey[]): KeySource {
  return {
    isConfigured: true,
    candidates: (alg, kid) =>
      Promise.resolve(
        keys.filter((key) => key.algorithms.includes(alg) && (key.kid === undefined || key.kid === kid)),
      ),
  };
}
