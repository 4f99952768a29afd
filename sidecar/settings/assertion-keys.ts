import { importSecret, parsePublicKey, type FittedKey } from '../../protocol/keys';
import type { Settings } from './settings';

/**
 * The keys that assertions are verified with: the public key, the secret, the previous secret.
 * @throws KeyError when one of them cannot be used
 */
export async function assertionKeys(
  settings: Pick<Settings, 'assertionPublicKey' | 'assertionSecret' | 'assertionSecretPrevious'>,
): Promise<readonly FittedKey[]> {
  const { assertionPublicKey, assertionSecret, assertionSecretPrevious } = settings;
  const secrets = [assertionSecret, assertionSecretPrevious].filter((secret) => secret !== undefined);
  const hmacKeys = await Promise.all(secrets.map((secret) => importSecret(secret, 'HS256')));
  return assertionPublicKey === undefined ? hmacKeys : [parsePublicKey(assertionPublicKey), ...hmacKeys];
}
