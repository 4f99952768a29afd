import { createSecretKey, type JsonWebKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeProtectedHeader, errors } from 'jose';
import { isCompactJws } from '../../../protocol/compact-jws';
import { HMAC_ALGORITHMS, importSecret, type FittedKey } from '../../../protocol/keys';
import { readJwkSet } from '../../../plugin/keys/jwk-set';
import { configuredKeys } from '../../../plugin/keys/key-source';
import { ALGORITHMS } from '../../../plugin/schema/algorithms';
import { verifyJwt } from '../../../plugin/token/hmac';

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly jws?: string | object;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}

interface Group {
  readonly comment: string;
  readonly private?: JsonWebKey & { readonly keys?: readonly JsonWebKey[] };
  readonly public?: JsonWebKey & { readonly keys?: readonly JsonWebKey[] };
  readonly tests: readonly Vector[];
}

/** Project Wycheproof's vectors (C2SP/wycheproof, testvectors_v1) are not part of this repository. */
const FOLDER = process.env['WYCHEPROOF'] ?? join(__dirname, '../../../../shared/vectors');
const FILES = ['signature', 'key', 'crypto'].map((name) => join(FOLDER, `json_web_${name}_test.json`));
const areThere = FILES.every((file) => existsSync(file));

/** Where the gatekeeper's verdict is another one than the vectors', and why (docs/conformance.md). */
const DEVIATIONS: Readonly<Record<string, 'accepted' | 'refused'>> = {
  // Whether a key's modulus has the weakness ROCA (CVE-2017-15361) is judged by who publishes the key.
  'key 7': 'accepted',
  'crypto 46': 'accepted',
  // The configuration names shared secrets and public keys in two places: no set mixes them.
  'key 1': 'accepted',
  'crypto 47': 'accepted',
  // Two keys with one `kid` are both tried, as while a key is replaced.
  'key 4': 'accepted',
  // The token's algorithm is another one than its key's `alg` (RFC 7517 §4.4), or the key's is none of RFC 7518.
  'signature 346': 'refused',
  'signature 347': 'refused',
  'signature 350': 'refused',
  'signature 351': 'refused',
  // The vector is the same text as the valid one of number 357.
  'signature 367': 'accepted',
  'signature 370': 'accepted',
  // A character that is not of base64url's alphabet (RFC 7515 §2).
  'signature 372': 'refused',
  'signature 373': 'refused',
};

describe("Project Wycheproof's JOSE vectors", () => {
  const absent = areThere
    ? ''
    : `, not looked at: ${FOLDER} has no json_web_*_test.json; set WYCHEPROOF to their folder`;
  it(`have each vector of which the verdict is another one here${absent}`, () => {
    const names = [...vectors()].map(([file, , { tcId }]) => `${file} ${tcId}`);
    expect(Object.keys(DEVIATIONS).filter((name) => areThere && !names.includes(name))).toEqual([]);
  });
  for (const [file, group, { tcId, comment, jws, result }] of vectors()) {
    if (typeof jws !== 'string') continue;
    const verdict = DEVIATIONS[`${file} ${tcId}`] ?? (result === 'valid' ? 'accepted' : 'refused');
    it(`${file} ${tcId}, ${group.comment}: ${comment}, ${result}, is ${verdict}`, async () => {
      expect(await accepts(jws, group)).toBe(verdict === 'accepted');
    });
  }
});

function* vectors(): Generator<[file: string, group: Group, vector: Vector]> {
  if (!areThere) return;
  for (const file of FILES) {
    const { testGroups } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly testGroups: readonly Group[];
    };
    const name = file.slice(file.lastIndexOf('json_web_') + 'json_web_'.length, -'_test.json'.length);
    for (const group of testGroups) for (const vector of group.tests) yield [name, group, vector];
  }
}

/** Whether the signature counts, with the group's keys as a gatekeeper has them. */
async function accepts(jws: string, group: Group): Promise<boolean> {
  if (!isCompactJws(jws)) return false;
  let header: Readonly<Record<string, unknown>>;
  try {
    header = decodeProtectedHeader(jws);
  } catch {
    return false;
  }
  const { alg, kid } = header;
  if (typeof alg !== 'string' || !(ALGORITHMS as readonly string[]).includes(alg)) return false;
  const candidates = await configuredKeys(await keysOf(group)).candidates(
    alg,
    typeof kid === 'string' ? kid : undefined,
  );
  for (const key of candidates) {
    try {
      await verifyJwt(jws, { ...header, alg }, key, {});
      return true;
    } catch (error) {
      // The signature counts; that the payload is no set of claims shows behind it.
      if (error instanceof errors.JWTInvalid || error instanceof errors.JWTClaimValidationFailed) return true;
    }
  }
  return false;
}

async function keysOf({ private: own, public: others }: Group): Promise<readonly FittedKey[]> {
  const keys = others ?? own;
  const jwks = keys?.keys ?? [keys ?? {}];
  return [...readJwkSet({ keys: jwks }).keys, ...(await Promise.all(jwks.map(secretsOf))).flat()];
}

/** As importSecret takes a secret, but that these are bytes and no text. */
async function secretsOf(jwk: JsonWebKey): Promise<FittedKey[]> {
  const { kty, k = '', alg, use, kid } = jwk as Readonly<Record<string, string | undefined>>;
  if (kty !== 'oct' || (use !== undefined && use !== 'sig')) return [];
  const bytes = Buffer.from(k, 'base64url');
  const algorithms = HMAC_ALGORITHMS.filter((name) => alg === undefined || alg === name);
  const fitting = await Promise.allSettled(
    algorithms.map((algorithm) => importSecret('x'.repeat(bytes.length), algorithm, kid)),
  );
  const secret = createSecretKey(bytes);
  return fitting.flatMap((each) =>
    each.status === 'fulfilled' ? [{ ...each.value, key: secret, secret }] : [],
  );
}
