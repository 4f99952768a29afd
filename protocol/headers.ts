/** The request headers in which the gatekeeper tells an upstream who the caller is. */
export interface HeaderNames {
  /** The tenant, from the token's tenant claim. */
  readonly tenant: string;
  /** The user, from the token's user claim. */
  readonly user: string;
  /** The roles, comma separated; empty when the token has none. */
  readonly roles: string;
  /** One id for a request, taken over from the client when well formed, else made by the gatekeeper. */
  readonly requestId: string;
  /** The signed assertion: the only one of these that the bridge takes identity from. */
  readonly assertion: string;
}

/** The names used unless an operator configures others. HTTP compares them without regard to case. */
export const DEFAULT_HEADER_NAMES: HeaderNames = Object.freeze({
  tenant: 'X-Tenant-ID',
  user: 'X-User-ID',
  roles: 'X-User-Roles',
  requestId: 'X-Request-ID',
  assertion: 'X-Gateway-Assertion',
});

/**
 * A request id that is taken over as it is. Kong's correlation-id plugin makes such ids by any of its generators
 * (`uuid#counter`, and `tracker` with an IPv6 address in it). Other proxies send them as well. They have nothing that a
 * log, a shell, a header list or a page would read as more than text.
 */
export const REQUEST_ID_PATTERN = /^[A-Za-z0-9._~#:@=-]{1,128}$/;
