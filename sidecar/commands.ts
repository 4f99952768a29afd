import { z } from 'zod';
import { CONTROL_TYPE_PREFIX } from '../protocol/frames';
import type { TraceContext } from '../protocol/trace-context';

/** A command that is well formed. */
export interface ParsedCommand {
  readonly type: string;
  /** JSON; `null` when the client left it out. */
  readonly dataJson: string;
  readonly id: string | undefined;
}

/** A message that is no command: what was expected, and the message's id when it has a usable one. */
export interface CommandFault {
  readonly fault: string;
  readonly id: string | undefined;
}

const wellFormed = (text: string): boolean => text.isWellFormed();

const ID = z.string().min(1).max(128).refine(wellFormed);
const COMMAND = z.strictObject({
  type: z
    .string()
    .min(1)
    .max(64)
    .refine(wellFormed)
    .refine((type) => !type.startsWith(CONTROL_TYPE_PREFIX)),
  data: z.unknown().optional(),
  id: ID.optional(),
});

/** Parses a text message as a command (PROTOCOL.md §3). */
export function parseCommand(text: string): ParsedCommand | CommandFault {
  const json = parseJson(text);
  if (json === undefined) return { fault: 'expected JSON', id: undefined };
  const parsed = COMMAND.safeParse(json.value);
  if (!parsed.success) return { fault: faultOf(parsed.error), id: idOf(json.value) };
  const { type, data = null, id } = parsed.data;
  const dataJson = toJson(data);
  if (dataJson === undefined) return { fault: 'expected "data" that is nested less deeply', id };
  return { type, dataJson, id };
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** JSON.stringify recurses, unlike JSON.parse, and runs out of stack first. */
function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const FAULTS: Readonly<Record<string, string>> = {
  type: `expected "type", a string of 1 to 64 characters that does not begin with "${CONTROL_TYPE_PREFIX}"`,
  id: 'expected "id", when there is one, to be a string of 1 to 128 characters',
};

function faultOf(error: z.ZodError): string {
  const member = String(error.issues[0]?.path[0]);
  return FAULTS[member] ?? 'expected a JSON object with "type", and of other members only "data" and "id"';
}

function idOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined;
  const parsed = ID.safeParse(value.id);
  return parsed.success ? parsed.data : undefined;
}

/** Who sent a command, and where its answer goes. */
export interface CommandOrigin {
  readonly tenantId: string;
  readonly userId: string;
  readonly session: string;
  readonly requestId: string;
  /** Of the upgrade, so that what the command causes is part of its trace. */
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

/** What a command's id is remembered by. A session holds no colon, so no two are the same. */
export function commandIdKey(session: string, id: string): string {
  return `${session}:${id}`;
}
