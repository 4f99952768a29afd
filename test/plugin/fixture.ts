import { SignJWT } from 'jose';
import { SCHEMA, type SchemaField } from '../../plugin/schema';

/** 2027-01-15T08:00:00Z, in seconds: the clock of the unit tests. */
export const NOW = 1_800_000_000;
export const TOKEN_SECRET = 'the secret of the token issuer, 32 bytes+';
export const ASSERTION_SECRET = 'the secret of the assertion, over 32 bytes';

/** The claims of a good token, as the platform of DESIGN.md §1 issues them. */
export const goodClaims = {
  iss: 'matih-platform',
  aud: 'matih-api',
  sub: 'u1',
  jti: 'token-1',
  iat: NOW,
  exp: NOW + 900,
  type: 'access',
  tenant_id: 'acme',
  roles: ['analyst', 'admin'],
};

/** A token with these claims over the good ones; undefined leaves a claim out. */
export function signToken(
  claims: Record<string, unknown> = {},
  secret = TOKEN_SECRET,
  header: Record<string, unknown> = {},
): Promise<string> {
  const payload = JSON.parse(JSON.stringify({ ...goodClaims, ...claims })) as Record<string, unknown>;
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256', ...header }).sign(Buffer.from(secret));
}

/** A configuration as Kong hands it over: the schema's defaults, unset optionals null, and these changes. */
export function rawConfig(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...defaultsOf(SCHEMA),
    secret: TOKEN_SECRET,
    assertion_secret: ASSERTION_SECRET,
    __seq__: 2,
    ...changes,
  };
}

/** The values that Kong fills in for fields that are not given. */
export function defaultsOf(fields: readonly SchemaField[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.flatMap((field) =>
      Object.entries(field).map(([name, rule]) => [
        name,
        rule.type === 'record' && rule.required ? defaultsOf(rule.fields ?? []) : (rule.default ?? null),
      ]),
    ),
  );
}

/** The headers of an upgrade request with this token. */
export function upgradeHeaders(token?: string): Record<string, string[]> {
  return {
    host: ['127.0.0.1:8000'],
    connection: ['Upgrade'],
    upgrade: ['websocket'],
    'sec-websocket-version': ['13'],
    'sec-websocket-key': ['dGhlIHNhbXBsZSBub25jZQ=='],
    ...(token !== undefined && { authorization: [`Bearer ${token}`] }),
  };
}
