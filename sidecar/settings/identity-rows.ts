import { KeyError, MIN_SECRET_BYTES, parsePublicKey } from '../../protocol/keys';
import { row, type Row } from './row';
import { ownHeaderFault } from '../../protocol/header-names';
import { DEFAULT_HEADER_NAMES } from '../../protocol/headers';
import { ASSERTION_ACCESS_RULES, readAssertionAccessRule } from './assertion-access-rule';
import { ASSERTION_PATH_RULES, readAssertionPathRule } from './assertion-path-rule';

/** The keys that verify assertions (at least one is required), and where assertions count. */
export const ASSERTION_ROWS = {
  assertionSecret: secret(
    'BRIDGE_ASSERTION_SECRET',
    'secret shared with the gatekeeper (HS256); this or BRIDGE_ASSERTION_PUBLIC_KEY is required',
  ),
  assertionSecretPrevious: secret(
    'BRIDGE_ASSERTION_SECRET_PREVIOUS',
    'also accepted, while the secret is being rotated',
  ),
  assertionPublicKey: row('BRIDGE_ASSERTION_PUBLIC_KEY', undefined, 'a public key in PEM or JWK', readKey, {
    description: "the gatekeeper's public key, in PEM or JWK",
    faultOf: keyFault,
    isSecret: true,
  }),
  assertionPath: row(
    'BRIDGE_ASSERTION_PATH',
    'checked',
    `one of ${ASSERTION_PATH_RULES.join(', ')}`,
    readAssertionPathRule,
    {
      description:
        'checked: an assertion counts for its own path, or for every one if it names none; required: it must name one; ignored: for every one',
    },
  ),
  assertionAccess: row(
    'BRIDGE_ASSERTION_ACCESS',
    'checked',
    `one of ${ASSERTION_ACCESS_RULES.join(', ')}`,
    readAssertionAccessRule,
    {
      description:
        'checked: an assertion that says no access counts as write; required: it must say one, so that rules of the gatekeeper (authorization) decided every upgrade',
    },
  ),
} as const;

function secret(name: string, description: string): Row<string, undefined> {
  const read = (value: string): string | undefined =>
    Buffer.byteLength(value) >= MIN_SECRET_BYTES ? value : undefined;
  const expected = `at least ${MIN_SECRET_BYTES} bytes`;
  const faultOf = (value: string) => `expected ${expected}, got ${Buffer.byteLength(value)}`;
  return row(name, undefined, expected, read, { description, faultOf, isSecret: true });
}

function readKey(value: string): string | undefined {
  return keyFault(value) === undefined ? value : undefined;
}

/** Why a text is no public key that verifies assertions. It may be a private one, so nothing of it is shown. */
function keyFault(value: string): string | undefined {
  try {
    parsePublicKey(value);
    return undefined;
  } catch (error) {
    if (error instanceof KeyError) return error.message;
    throw error;
  }
}

/** The headers that the gatekeeper sets. */
export const HEADER_ROWS = {
  tenant: header('BRIDGE_TENANT_HEADER', DEFAULT_HEADER_NAMES.tenant, 'header with the tenant'),
  user: header('BRIDGE_USER_HEADER', DEFAULT_HEADER_NAMES.user, 'header with the user'),
  roles: header('BRIDGE_ROLES_HEADER', DEFAULT_HEADER_NAMES.roles, 'header with the roles'),
  requestId: header('BRIDGE_REQUEST_ID_HEADER', DEFAULT_HEADER_NAMES.requestId, 'header with the request id'),
  assertion: header(
    'BRIDGE_ASSERTION_HEADER',
    DEFAULT_HEADER_NAMES.assertion,
    'header with the signed assertion',
  ),
} as const;

function header(name: string, fallback: string, description: string): Row<string, string> {
  const read = (value: string): string | undefined =>
    ownHeaderFault(value) === undefined ? value : undefined;
  return row(name, fallback, 'an HTTP header name', read, { description, faultOf: ownHeaderFault });
}
