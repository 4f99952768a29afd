import { generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { ConfigValue } from '../../kong-stand-in/plugin-config/field-schema';
import { TOKEN_SECRET } from '../plugin-servers/config';

/** The algorithms that are measured: one of each kind. */
export const ALGORITHMS = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** Who issues tokens by one algorithm. */
export interface Issuer {
  /** The gatekeeper's settings that accept them. */
  readonly config: Readonly<Record<string, ConfigValue>>;
  /** PEM; undefined for HS256. */
  readonly privateKey: string | undefined;
  readonly tokens: readonly string[];
}

const TOKEN_SECONDS = 3600;

/** Makes a key for the algorithm and a token for each of so many users. */
export async function issuer(algorithm: Algorithm, users: number): Promise<Issuer> {
  const pair = algorithm === 'HS256' ? undefined : pairs[algorithm]();
  const key = pair?.privateKey ?? Buffer.from(TOKEN_SECRET);
  const now = Math.floor(Date.now() / 1000);
  const sign = (number: number): Promise<string> =>
    new SignJWT({ type: 'access', tenant_id: `t${number % 10}`, roles: ['analyst', 'admin'] })
      .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
      .setIssuer('matih-platform')
      .setAudience('matih-api')
      .setSubject(`u${number}`)
      .setJti(randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_SECONDS)
      .sign(key);
  const spki = pair?.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return {
    config: {
      algorithms: [algorithm],
      ...(spki === undefined ? {} : { secret: null, public_keys: [{ key: spki, kid: null }] }),
    },
    privateKey: pair?.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    tokens: await Promise.all(Array.from({ length: users }, (_, number) => sign(number))),
  };
}

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const pairs: Readonly<Record<Exclude<Algorithm, 'HS256'>, () => Pair>> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
