import type { JsonWebKey } from 'node:crypto';
import { narrowByJwk } from '../../protocol/fit-key';
import { HMAC_ALGORITHMS, KeyError } from '../../protocol/keys';
import { quoted } from '../../protocol/quoted';

/** A shared secret as it is configured. */
export interface SharedSecret {
  readonly bytes: Buffer;
  /** The algorithms that it may be used with. */
  readonly algorithms: readonly string[];
  /** It verifies tokens with this `kid` alone; undefined for any. */
  readonly kid: string | undefined;
}

/** The secret whose text is its bytes, whatever it looks like. */
export function textSecret(text: string, kid?: string): SharedSecret {
  return { bytes: Buffer.from(text, 'utf8'), algorithms: HMAC_ALGORITHMS, kid };
}

/**
 * Reads a shared secret from its text, or from an `oct` JWK (RFC 7518 §6.4), which begins with a brace. A JWK says by itself which
 * `kid` and which algorithm it is for.
 * @param kid goes before the JWK's own
 * @throws KeyError when it is another kind of key, or a damaged JWK. The message shows nothing of it
 */
export function readSecret(text: string, kid?: string): SharedSecret {
  // All who verify tokens have a public key: it is no secret.
  if (text.includes('-----BEGIN ')) throw new KeyError('expected a shared secret, got a key in PEM');
  if (!text.trimStart().startsWith('{')) return textSecret(text, kid);
  const jwk = parseJwk(text);
  const { kty, k, kid: ownKid } = jwk as Readonly<Record<string, unknown>>;
  if (kty !== 'oct') throw new KeyError(`expected a JWK whose "kty" is "oct", got ${quoted(kty)}`);
  if (typeof k !== 'string' || Buffer.from(k, 'base64url').toString('base64url') !== k) {
    throw new KeyError('expected a JWK whose "k" is the secret in base64url');
  }
  const fit = narrowByJwk({ algorithms: HMAC_ALGORITHMS }, jwk, 'verify');
  if ('fault' in fit) throw new KeyError(fit.fault);
  const bytes = Buffer.from(k, 'base64url');
  return { bytes, algorithms: fit.algorithms, kid: kid ?? (typeof ownKid === 'string' ? ownKid : undefined) };
}

function parseJwk(text: string): JsonWebKey {
  try {
    return JSON.parse(text) as JsonWebKey;
  } catch {
    throw new KeyError('expected text or an oct JWK; this begins like a JWK but is not JSON');
  }
}
