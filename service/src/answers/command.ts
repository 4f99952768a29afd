/** A command of a client, as the bridge added it to the stream (PROTOCOL.md §3). */
export interface CommandToAnswer<Data = unknown> {
  readonly tenant: string;
  readonly user: string;
  readonly roles: readonly string[];
  readonly session: string;
  readonly type: string;
  /** The client's JSON, parsed. */
  readonly data: Data;
  /** The client's own text of it, in which numbers keep all their digits. */
  readonly dataText: string;
  /** The client's, if it gave one. It is in every frame of the answer. */
  readonly id: string | undefined;
  /** That of the upgrade. */
  readonly requestId: string;
  /** When the bridge took it, in milliseconds since the epoch. */
  readonly time: number;
  /** The upgrade's own (W3C Trace Context), if it had one. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** An entry of the stream, in the hands of this worker. */
export interface Delivery {
  readonly entryId: string;
  /** How often it was delivered: who has it by a later delivery goes before who has it by an earlier one. */
  readonly fence: number;
  /** Names and values in turn. */
  readonly fields: readonly string[];
}

/** When an entry was added, by Redis's clock, in milliseconds since the epoch. */
export function addedMs({ entryId }: Delivery): number {
  return Number(entryId.split('-')[0]);
}

/** The memory of an entry beside its fields, about. */
const ENTRY_BYTES = 256;

/**
 * A backlog is read past in one go, by a process that may have just started. So it is written for code that is not optimised yet: to
 * spread an object or to take an array apart costs ten times the rest there.
 * @returns undefined for an entry that is no command of a bridge
 */
export function readCommand(fields: readonly string[]): CommandToAnswer | undefined {
  const tenant = valueOf(fields, 'tenant');
  const session = valueOf(fields, 'session');
  const type = valueOf(fields, 'type');
  if (tenant === undefined || session === undefined || session === '' || type === undefined) return undefined;
  const dataText = valueOf(fields, 'data') ?? 'null';
  const data = parse(dataText);
  if (data === undefined) return undefined;
  const roles = valueOf(fields, 'roles') ?? '';
  return {
    tenant,
    session,
    type,
    data,
    dataText,
    user: valueOf(fields, 'user') ?? '',
    roles: roles === '' ? [] : roles.split(','),
    id: valueOf(fields, 'id'),
    requestId: valueOf(fields, 'request_id') ?? '',
    time: Number(valueOf(fields, 'time')),
    traceparent: valueOf(fields, 'traceparent'),
    tracestate: valueOf(fields, 'tracestate'),
  };
}

function valueOf(fields: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}

/** The memory of an entry while it waits, about. */
export function bytesOf(fields: readonly string[]): number {
  return fields.reduce((sum, text) => sum + text.length, ENTRY_BYTES);
}

/** The `id` in the data of a `cancel`. */
export function cancelledId({ data }: CommandToAnswer): string | undefined {
  const id: unknown = typeof data === 'object' && data !== null && 'id' in data ? data.id : undefined;
  return typeof id === 'string' ? id : undefined;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
