import {
  HMAC_ALGORITHMS,
  importSecret,
  parsePrivateKey,
  parsePublicKey,
  type FittedKey,
} from '../../protocol/keys';
import type { RawConfig } from './raw';
import { ConfigError } from '../schema/config-error';

/** The key material of a configuration. */
export interface GatekeeperKeys {
  /** Verify users' tokens; more may come from jwks_uri. */
  readonly token: readonly FittedKey[];
  /** Signs assertions. */
  readonly assertion: FittedKey;
}

/**
 * Makes the keys ready. Every allowed algorithm needs a key of its kind.
 * @throws ConfigError naming the field
 */
export async function importKeys(raw: RawConfig): Promise<GatekeeperKeys> {
  const token = [...(await secretKeys(raw)), ...publicKeys(raw)];
  for (const algorithm of raw.algorithms) {
    if (token.some((key) => key.algorithms.includes(algorithm))) continue;
    if (raw.jwks_uri !== undefined && !algorithm.startsWith('HS')) continue;
    throw new ConfigError(`config.algorithms: ${algorithm} is allowed, but no key fits it`);
  }
  return Object.freeze({ token: Object.freeze(token), assertion: await assertionKey(raw) });
}

async function secretKeys(raw: RawConfig): Promise<FittedKey[]> {
  const { secret } = raw;
  if (secret === undefined) return [];
  const algorithms = HMAC_ALGORITHMS.filter((algorithm) => raw.algorithms.includes(algorithm));
  return named('config.secret', () =>
    Promise.all(algorithms.map((algorithm) => importSecret(secret, algorithm))),
  );
}

function publicKeys(raw: RawConfig): FittedKey[] {
  return raw.public_keys.map(({ key, kid }, index) => {
    try {
      return parsePublicKey(key, kid);
    } catch (cause) {
      throw new ConfigError(`config.public_keys[${index}].key: ${(cause as Error).message}`);
    }
  });
}

async function assertionKey(raw: RawConfig): Promise<FittedKey> {
  const { assertion_secret: secret, assertion_private_key: privateKey, assertion_key_id: kid } = raw;
  if (secret !== undefined && secret === raw.secret) {
    throw new ConfigError('config.assertion_secret: expected another secret than config.secret');
  }
  if (privateKey !== undefined) {
    return named('config.assertion_private_key', () => Promise.resolve(parsePrivateKey(privateKey, kid)));
  }
  if (secret === undefined) {
    throw new ConfigError('config.assertion_secret: expected this or config.assertion_private_key');
  }
  return named('config.assertion_secret', () => importSecret(secret, 'HS256', kid));
}

async function named<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ConfigError(`${field}: ${(cause as Error).message}`);
  }
}
