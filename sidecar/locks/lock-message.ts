import { CONTROL_TYPE_PREFIX } from '../../protocol/frames';

/** A client's wish: a name of its document, locked or not. */
export interface LockMessage {
  readonly kind: 'lock' | 'unlock';
  readonly name: string;
  /** One who comes back with it has the lock again; undefined for a lock of this socket alone. */
  readonly holder: string | undefined;
}

/** A message that is meant to be one: what was expected, and the name when it has a usable one. */
export interface LockFault {
  readonly fault: string;
  readonly name: string | undefined;
}

/** A holder as a client names itself. */
const HOLDER = /^[A-Za-z0-9_-]{1,64}$/;
/** Control characters. No name has one, so that names can stand in lists and lines. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;
/** A byte of a name may be written as `\u0041`. */
const ESCAPED_BYTES = 6;
/** All of a message but its name: the members' names, a holder, and some white space. */
const OTHER_BYTES = 512;

const BEGINNINGS = (['lock', 'unlock'] as const).map(
  (kind) => [kind, Buffer.from(`{"type":"${CONTROL_TYPE_PREFIX}${kind}"`)] as const,
);

/** Whether a message is about a lock, by its beginning alone (PROTOCOL.md §14). */
export function isLockMessage(payload: Buffer, binary: boolean): boolean {
  return kindOf(payload, binary) !== undefined;
}

/**
 * Reads a message about a lock.
 * @param payload one of {@link isLockMessage}
 * @param maxNameBytes the longest name
 */
export function readLockMessage(payload: Buffer, maxNameBytes: number): LockMessage | LockFault {
  const kind = kindOf(payload, false);
  if (kind === undefined) throw new TypeError('expected a message about a lock');
  const most = maxNameBytes * ESCAPED_BYTES + OTHER_BYTES;
  if (payload.length > most) return { fault: `expected at most ${most} bytes`, name: undefined };
  const { data, ...others } = objectOf(parsed(payload)) ?? {};
  const { name: given, holder, ...further } = objectOf(data) ?? {};
  const name = isName(given, maxNameBytes) ? given : undefined;
  if (name === undefined) return { fault: expectedName(maxNameBytes), name };
  // "type" is read from the beginning: a second one would say something else.
  if (others['type'] !== `${CONTROL_TYPE_PREFIX}${kind}` || Object.keys(others).length > 1) {
    return { fault: 'expected a JSON object with "type" and "data"', name };
  }
  if (Object.keys(further).length > 0 || (kind === 'unlock' && holder !== undefined)) {
    return { fault: `expected "name"${kind === 'lock' ? ' and "holder"' : ''} alone in "data"`, name };
  }
  if (holder === undefined) return { kind, name, holder };
  if (typeof holder === 'string' && HOLDER.test(holder)) return { kind, name, holder };
  return { fault: 'expected "holder", when there is one, to be 1 to 64 characters of A-Z a-z 0-9 _ -', name };
}

function kindOf(payload: Buffer, binary: boolean): LockMessage['kind'] | undefined {
  if (binary) return undefined;
  return BEGINNINGS.find(([, beginning]) => payload.subarray(0, beginning.length).equals(beginning))?.[0];
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}

function isName(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value === '' || !value.isWellFormed() || CONTROL.test(value)) return false;
  return Buffer.byteLength(value) <= maxBytes;
}

function expectedName(maxBytes: number): string {
  return `expected {"name": …} in "data": 1 to ${maxBytes} bytes without control characters`;
}
