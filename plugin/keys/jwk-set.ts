import type { JsonWebKey } from 'node:crypto';
import { kindOf } from '../../protocol/quoted';
import { KeyError, readPublicJwk, type FittedKey } from '../../protocol/keys';

/** A key of a set that cannot be used, and why. */
export interface LeftOut {
  readonly kid: string | undefined;
  readonly reason: string;
}

/** A JWK Set (RFC 7517 §5), read. */
export interface JwkSet {
  readonly keys: readonly FittedKey[];
  readonly leftOut: readonly LeftOut[];
}

/** As much of a `kid` as a log line has room for, in characters. */
const MAX_SHOWN_KID = 64;

/**
 * Reads a JWK Set. A key that cannot verify signatures is left out, and fails none of its neighbours. RFC 7517 §5:
 * "Implementations SHOULD ignore JWKs (…) that use "kty" values that are not understood by them, (…) missing required
 * members".
 * @throws TypeError when it is no JWK Set
 */
export function readJwkSet(document: unknown): JwkSet {
  const { keys: jwks } = Object(document) as { readonly keys?: unknown };
  if (!Array.isArray(jwks)) {
    throw new TypeError(`expected a JWK Set: an object whose "keys" is an array, got ${kindOf(jwks)} there`);
  }
  const keys: FittedKey[] = [];
  const leftOut: LeftOut[] = [];
  for (const jwk of jwks as readonly unknown[]) {
    try {
      if (!isObject(jwk)) throw new KeyError(`expected a JWK, which is an object, got ${kindOf(jwk)}`);
      keys.push(readPublicJwk(jwk));
    } catch (cause) {
      leftOut.push({ kid: shownKid(jwk), reason: (cause as Error).message });
    }
  }
  return Object.freeze({ keys: Object.freeze(keys), leftOut: Object.freeze(leftOut) });
}

function isObject(value: unknown): value is JsonWebKey {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shownKid(jwk: unknown): string | undefined {
  const kid = isObject(jwk) ? jwk['kid'] : undefined;
  return typeof kid === 'string' ? kid.slice(0, MAX_SHOWN_KID) : undefined;
}
