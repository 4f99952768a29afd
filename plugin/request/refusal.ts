/** Why an upgrade was refused: stable, for logs and metrics. */
export const REFUSAL_CODES = [
  'not_an_upgrade',
  'origin_not_allowed',
  'no_token',
  'several_tokens',
  'malformed_token',
  'algorithm_not_allowed',
  'unknown_key',
  'bad_signature',
  'wrong_issuer',
  'wrong_audience',
  'wrong_type',
  'expired',
  'not_yet_valid',
  'bad_claim',
  'revoked',
  'no_tenant',
  'rate_limited',
  'too_many_refused',
  'redis_unreachable',
  'keys_unavailable',
  'timeout',
  'misconfigured',
  'internal_error',
] as const;
/** One of {@link REFUSAL_CODES}. */
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** An upgrade that is refused. The message is for the client: it says what was wrong, never a part of the token. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: RefusalCode;
  /** Response headers of this refusal; the challenge of a 401 is added where the realm is known. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: RefusalCode,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The challenge that goes with a 401 (RFC 6750 §3): an error only where a token was presented. */
export function bearerChallenge(realm: string, code: RefusalCode): string {
  const quoted = realm.replace(/["\\]/g, '\\$&');
  return code === 'no_token' ? `Bearer realm="${quoted}"` : `Bearer realm="${quoted}", error="invalid_token"`;
}
