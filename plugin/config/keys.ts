import { createPublicKey, KeyObject } from 'node:crypto';
import {
  HMAC_ALGORITHMS,
  importSecret,
  parsePrivateKey,
  parsePublicKey,
  type FittedKey,
} from '../../protocol/keys';
import type { RawConfig } from './raw';
import { ConfigError } from '../schema/config-error';
import { readSecret, textSecret, type SharedSecret } from './secrets';

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
  const secrets = sharedSecrets(raw);
  const given = publicKeys(raw);
  const token = [...(await secretKeys(secrets, raw.algorithms)), ...given];
  for (const algorithm of raw.algorithms) {
    if (token.some((key) => key.algorithms.includes(algorithm))) continue;
    if (raw.jwks_uri !== undefined && !algorithm.startsWith('HS')) continue;
    throw new ConfigError(`config.algorithms: ${algorithm} is allowed, but no key fits it`);
  }
  const assertion = await assertionKey(raw, secrets);
  requireOwnKey(assertion, given);
  return Object.freeze({ token: Object.freeze(token), assertion });
}

/** A secret, and the field that it stands in. */
interface NamedSecret extends SharedSecret {
  readonly field: string;
}

function sharedSecrets({ secret, secrets }: RawConfig): readonly NamedSecret[] {
  const further = secrets.map(({ secret: text, kid }, index) => {
    const field = `config.secrets[${index}].secret`;
    try {
      return { ...readSecret(text, kid), field };
    } catch (cause) {
      throw new ConfigError(`${field}: ${(cause as Error).message}`);
    }
  });
  if (secret === undefined) return further;
  requireSecret('config.secret', secret);
  return [{ ...textSecret(secret), field: 'config.secret' }, ...further];
}

const PUBLIC = /-----BEGIN (?:[A-Z ]*PUBLIC KEY|CERTIFICATE)-----/;

/** Many have a public key: each of them could sign with it. */
function requireSecret(field: string, text: string): void {
  if (PUBLIC.test(text)) throw new ConfigError(`${field}: expected a shared secret, got a public key`);
}

async function secretKeys(secrets: readonly NamedSecret[], allowed: readonly string[]): Promise<FittedKey[]> {
  const keys = secrets.map(({ bytes, algorithms, kid, field }) => {
    const fitting = HMAC_ALGORITHMS.filter((name) => allowed.includes(name) && algorithms.includes(name));
    return named(field, () => Promise.all(fitting.map((algorithm) => importSecret(bytes, algorithm, kid))));
  });
  return (await Promise.all(keys)).flat();
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

async function assertionKey(raw: RawConfig, others: readonly NamedSecret[]): Promise<FittedKey> {
  const { assertion_secret: secret, assertion_private_key: privateKey, assertion_key_id: kid } = raw;
  const same = others.find(({ bytes }) => secret !== undefined && bytes.equals(Buffer.from(secret)));
  if (same !== undefined) {
    throw new ConfigError(`config.assertion_secret: expected another secret than ${same.field}`);
  }
  if (privateKey !== undefined) {
    return named('config.assertion_private_key', () => Promise.resolve(parsePrivateKey(privateKey, kid)));
  }
  if (secret === undefined) {
    throw new ConfigError('config.assertion_secret: expected this or config.assertion_private_key');
  }
  requireSecret('config.assertion_secret', secret);
  return named('config.assertion_secret', () => importSecret(secret, 'HS256', kid));
}

/** An assertion would be a user's token as well. */
function requireOwnKey({ key }: FittedKey, others: readonly FittedKey[]): void {
  if (!(key instanceof KeyObject) || key.type !== 'private') return;
  const own = createPublicKey(key);
  const same = others.findIndex(({ key: other }) => other instanceof KeyObject && own.equals(other));
  if (same === -1) return;
  throw new ConfigError(
    `config.assertion_private_key: expected another key than that of config.public_keys[${same}].key`,
  );
}

async function named<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ConfigError(`${field}: ${(cause as Error).message}`);
  }
}
