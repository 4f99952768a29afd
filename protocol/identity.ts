/** Who a connection belongs to, as a verified token said. */
export interface Identity {
  readonly tenantId: string;
  readonly userId: string;
  readonly roles: readonly string[];
}

/**
 * An id as text, whichever way JSON has it: a non-empty string as it is, an integer that JSON carries exactly in decimal.
 * @returns undefined for anything else
 */
export function idFrom(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

/** Roles in one text, as the header and the command stream have them: no role contains a comma. */
export function rolesText(roles: readonly string[]): string {
  return roles.join(',');
}

/** The most that an identity may be, so that it fits into headers and channel names. */
export const IDENTITY_LIMITS = Object.freeze({
  /** Bytes of UTF-8 in a tenant or user id. */
  maxIdBytes: 256,
  /** Bytes of UTF-8 in one role. */
  maxRoleBytes: 128,
  /** How many roles. */
  maxRoles: 64,
});

// C0 and C1 controls, DEL, and the two separators that some parsers take for line ends.
// eslint-disable-next-line no-control-regex -- control characters are what this looks for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/u;
const OUTER_SPACE = /^\s|\s$/u;

/**
 * Says why an identity cannot be carried in headers without being changed on the way, or returns undefined when it can.
 * Control characters cannot (RFC 9110 §5.5). Every parser trims outer white space. A comma in a role would spell two roles.
 */
export function identityFault(identity: Identity): string | undefined {
  const { maxIdBytes, maxRoleBytes, maxRoles } = IDENTITY_LIMITS;
  if (identity.roles.length > maxRoles) return `more than ${maxRoles} roles`;
  return (
    textFault('tenant', identity.tenantId, maxIdBytes) ??
    textFault('user', identity.userId, maxIdBytes) ??
    identity.roles.map(roleFault).find((fault) => fault !== undefined)
  );

  function roleFault(role: string): string | undefined {
    if (role.includes(',')) return 'a role contains a comma';
    return textFault('role', role, maxRoleBytes);
  }
}

/** The same of an id by itself. */
export function idFault(what: string, id: string): string | undefined {
  return textFault(what, id, IDENTITY_LIMITS.maxIdBytes);
}

function textFault(what: string, text: string, maxBytes: number): string | undefined {
  if (text === '') return `${what} is empty`;
  if (!text.isWellFormed()) return `${what} is not well-formed Unicode`;
  if (UNPRINTABLE.test(text)) return `${what} contains a control character`;
  if (OUTER_SPACE.test(text)) return `${what} begins or ends with white space`;
  if (Buffer.byteLength(text) > maxBytes) return `${what} is longer than ${maxBytes} bytes`;
  return undefined;
}
