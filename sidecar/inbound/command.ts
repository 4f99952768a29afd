import { CONTROL_TYPE_PREFIX } from '../../protocol/frames';
import { rolesText } from '../../protocol/identity';
import type { TraceContext } from '../../protocol/trace-context';
import { edgeId } from './edge-id';
import { jsonMembers, MAX_ESCAPED_LENGTH } from '../lib/json-members';

/** A command that is well formed. */
export interface ParsedCommand {
  readonly type: string;
  /** JSON, the client's own bytes; `null` when the client left it out. */
  readonly dataJson: string;
  readonly id: string | undefined;
}

/** A message that is no command: what was expected, and the message's id when it has a usable one. */
export interface CommandFault {
  readonly fault: string;
  readonly id: string | undefined;
}

/** How deep `data` may be nested: deeper is what JSON parsers of services give up on. */
export const MAX_DATA_DEPTH = 64;
const MAX_TYPE_LENGTH = 64;
const MAX_ID_LENGTH = 128;
const MEMBERS = ['type', 'data', 'id'] as const;

/**
 * Parses a text message as a command (PROTOCOL.md §3): `data` is taken as it stands in the text.
 * @param maxValues that it may hold, itself and those of its members among them
 */
export function parseCommand(text: string, maxValues: number): ParsedCommand | CommandFault {
  const members = jsonMembers(text, MEMBERS, { depth: MAX_DATA_DEPTH, values: maxValues });
  if (members === undefined) return { fault: 'expected JSON', id: undefined };
  if (members === 'other') return { fault: EXPECTED_OBJECT, id: undefined };
  if (members === 'too deep') return { fault: EXPECTED_DEPTH, id: edgeId(text) };
  if (members === 'too many values') return { fault: expectedValues(maxValues), id: edgeId(text) };
  const { texts, repeated, hasOthers } = members;
  // When there are two ids, none is the command's.
  const id = repeated.has('id') ? undefined : stringOf(texts.get('id'), MAX_ID_LENGTH);
  const type = stringOf(texts.get('type'), MAX_TYPE_LENGTH);
  if (repeated.size > 0) return { fault: `expected "${[...repeated].join('", "')}" once`, id };
  if (type === undefined || type.startsWith(CONTROL_TYPE_PREFIX)) return { fault: EXPECTED_TYPE, id };
  if (texts.has('id') && id === undefined) return { fault: EXPECTED_ID, id };
  if (hasOthers) return { fault: EXPECTED_OBJECT, id };
  return { type, dataJson: texts.get('data') ?? 'null', id };
}

const EXPECTED_OBJECT = 'expected a JSON object with "type", and of other members only "data" and "id"';
const EXPECTED_TYPE = `expected "type", a string of 1 to ${MAX_TYPE_LENGTH} characters that does not begin with "${CONTROL_TYPE_PREFIX}"`;
const EXPECTED_ID = `expected "id", when there is one, to be a string of 1 to ${MAX_ID_LENGTH} characters`;
const EXPECTED_DEPTH = `expected "data" that is nested at most ${MAX_DATA_DEPTH} deep`;

function expectedValues(maxValues: number): string {
  return `expected at most ${maxValues} values, each array, object, number, string and literal of the command counted`;
}

/** A member's value when it is a string of 1 to so many characters that has bytes in UTF-8. */
function stringOf(json: string | undefined, maxLength: number): string | undefined {
  if (json?.startsWith('"') !== true || json.length > maxLength * MAX_ESCAPED_LENGTH + 2) return undefined;
  const value = JSON.parse(json) as string;
  return value !== '' && value.length <= maxLength && value.isWellFormed() ? value : undefined;
}

/**
 * A command that was posted has an id, since whoever posts it may not learn that it was taken.
 * @param keys the values of its Idempotency-Key
 */
export function withKey(command: ParsedCommand, keys: readonly string[]): ParsedCommand | CommandFault {
  const [key = command.id, ...others] = keys;
  const isId = key !== undefined && key !== '' && key.length <= MAX_ID_LENGTH && key.isWellFormed();
  if (!isId || others.length > 0) return { fault: EXPECTED_KEY, id: command.id };
  if (command.id !== undefined && command.id !== key) return { fault: EXPECTED_SAME_ID, id: command.id };
  return { ...command, id: key };
}

const EXPECTED_KEY = `expected one Idempotency-Key of 1 to ${MAX_ID_LENGTH} characters, or "id" in the command`;
const EXPECTED_SAME_ID = 'expected an "id" that is the same as the Idempotency-Key';

/** Who sent a command, and where its answer goes. */
export interface CommandOrigin {
  readonly tenantId: string;
  readonly userId: string;
  readonly roles: readonly string[];
  readonly session: string;
  readonly requestId: string;
  /** The trace of the upgrade, so that the command's effects are part of it. */
  readonly trace: TraceContext | undefined;
}

/**
 * The fields and values of a command's stream entry, in turn (PROTOCOL.md §3).
 * @param timeMs milliseconds since the epoch
 */
export function commandEntry(
  command: ParsedCommand,
  origin: CommandOrigin,
  timeMs: number,
): readonly string[] {
  const id = command.id === undefined ? {} : { id: command.id };
  const { traceparent, tracestate } = origin.trace ?? {};
  const fields = {
    tenant: origin.tenantId,
    user: origin.userId,
    roles: rolesText(origin.roles),
    session: origin.session,
    type: command.type,
    data: command.dataJson,
    ...id,
    request_id: origin.requestId,
    time: `${timeMs}`,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(tracestate === undefined ? {} : { tracestate }),
  };
  return Object.entries(fields).flat();
}
