/** One row of the gatekeeper's table. */
export interface GatekeeperRefusal {
  /** The status of the HTTP answer. */
  readonly status: number;
  readonly meaning: string;
}

/**
 * Every refusal of the gatekeeper, by its outcome in the log and in `ws_gatekeeper_decisions_total`. docs/errors.md has the same
 * table.
 */
export const GATEKEEPER_REFUSALS = {
  not_an_upgrade: row(426, 'the request is no WebSocket upgrade'),
  too_many_headers: row(
    431,
    'the request has 1,000 headers or more, or is an upgrade with over 100: Kong hands out, or looks through, no more',
  ),
  origin_not_allowed: row(
    403,
    'the Origin is not in `allowed_origins`, or a token in a cookie came without it',
  ),
  no_token: row(401, 'no token is at any configured place'),
  several_tokens: row(401, 'two places hold different tokens'),
  malformed_token: row(401, 'the token is no JWT, or is too long'),
  algorithm_not_allowed: row(401, 'the `alg` of the token is not in `algorithms`'),
  unknown_key: row(401, 'no key has the `kid` of the token, or fits its algorithm'),
  bad_signature: row(401, 'the signature does not verify'),
  wrong_issuer: row(401, 'the issuer is not accepted, or is missing'),
  wrong_audience: row(401, 'the audience is not accepted, or is missing'),
  wrong_type: row(401, 'the type of the token is not accepted, or is missing'),
  expired: row(401, 'the token has expired'),
  not_yet_valid: row(401, 'the token counts only later'),
  bad_claim: row(401, 'a claim is missing or malformed'),
  revoked: row(401, 'the `jti` of the token is revoked'),
  no_tenant: row(403, 'the token names no tenant'),
  no_consumer: row(403, 'the token names no consumer, or Kong has none of this username'),
  not_authorized: row(403, 'the rules of `authorization` do not let this token open the path'),
  authorization_unavailable: row(503, 'no authorization service says whether this token may open the path'),
  rate_limited: row(429, 'a limit of upgrades is reached'),
  too_many_refused: row(429, 'the address was refused too often'),
  redis_unreachable: row(503, 'Redis cannot say whether the token is revoked, or a limit is reached'),
  keys_unavailable: row(503, 'the keys of the issuer cannot be fetched'),
  timeout: row(503, 'the decision took longer than `decision_timeout`'),
  misconfigured: row(500, 'the configuration of the plugin cannot be used'),
  internal_error: row(500, 'the gatekeeper failed'),
} as const satisfies Readonly<Record<string, GatekeeperRefusal>>;

/** Why the gatekeeper refused an upgrade: stable, for logs and metrics. */
export type GatekeeperOutcome = keyof typeof GATEKEEPER_REFUSALS;

/** One row of the bridge's table. */
export interface BridgeRefusal<Status extends number = number> {
  /** Those that the HTTP answer may have. */
  readonly statuses: readonly Status[];
  readonly meaning: string;
}

/**
 * Every refusal of the bridge, by its outcome in the log and in `ws_bridge_upgrades_total`. docs/errors.md has the same table.
 */
export const BRIDGE_REFUSALS = {
  not_found: rowOf([404], 'no route has the path'),
  upgrade_required: rowOf([426], 'the request is no WebSocket upgrade'),
  bad_request: rowOf(
    [400, 405, 417],
    'the request is malformed, a CONNECT, or has an Expect that nobody meets',
  ),
  headers_too_large: rowOf([431], 'the headers are larger than `BRIDGE_MAX_HEADER_BYTES`'),
  request_timeout: rowOf([408], 'the request took longer than `BRIDGE_HANDSHAKE_TIMEOUT_MS`'),
  unauthorized: rowOf([401], 'the assertion is missing, is not valid or was used, or the token was revoked'),
  forbidden: rowOf([403], 'the session is owned by somebody else, or the channel is not allowed'),
  session_not_open: rowOf([409], 'a message for a session that nobody has opened'),
  message_too_big: rowOf([413], 'a message is larger than its route takes'),
  message_refused: rowOf([400, 403, 429, 503], 'a message is refused, with the `code` of an error frame'),
  too_many_connections: rowOf([429], 'the user or the tenant has as many connections as it may'),
  full: rowOf([503], 'the bridge has no room for a connection or a channel'),
  unavailable: rowOf(
    [503],
    'Redis is unreachable, the bridge is closing, or its primary does not answer a worker',
  ),
  failed: rowOf([500], 'the bridge failed'),
} as const satisfies Readonly<Record<string, BridgeRefusal>>;

/** Why the bridge refused a request: stable, for logs and metrics. */
export type BridgeOutcome = keyof typeof BRIDGE_REFUSALS;

function row(status: number, meaning: string): GatekeeperRefusal {
  return Object.freeze({ status, meaning });
}

function rowOf<const Status extends number>(
  statuses: readonly Status[],
  meaning: string,
): BridgeRefusal<Status> {
  return Object.freeze({ statuses, meaning });
}
