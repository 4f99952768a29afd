import { GATEKEEPER_REFUSALS, type GatekeeperOutcome } from '../../protocol/refusals';

/** An upgrade that is refused. The message is for the client: it says what was wrong, never a part of the token. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: GatekeeperOutcome;
  /** Response headers of this refusal; the challenge of a 401 is added where the realm is known. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: GatekeeperOutcome, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = GATEKEEPER_REFUSALS[code].status;
    this.code = code;
    this.headers = headers;
  }
}

/** Kong hands out no further headers than it is asked for: a token or a forged identity among the others would not be seen. */
export function tooManyHeaders(): Refusal {
  return new Refusal('too_many_headers', 'The request has too many headers');
}

/** The challenge that goes with a 401 (RFC 6750 §3): an error only where a token was presented. */
export function bearerChallenge(realm: string, code: GatekeeperOutcome): string {
  const quoted = realm.replace(/["\\]/g, '\\$&');
  return code === 'no_token' ? `Bearer realm="${quoted}"` : `Bearer realm="${quoted}", error="invalid_token"`;
}
