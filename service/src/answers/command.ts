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

/** The memory of an entry beside its fields, about. */
const ENTRY_BYTES = 256;

/** @returns undefined for an entry that is no command of a bridge */
export function readCommand(fields: readonly string[]): CommandToAnswer | undefined {
  const entry = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) entry.set(fields[i] ?? '', fields[i + 1] ?? '');
  const [tenant, session, type] = [entry.get('tenant'), entry.get('session'), entry.get('type')];
  if (tenant === undefined || session === undefined || session === '' || type === undefined) return undefined;
  const dataText = entry.get('data') ?? 'null';
  const data = parse(dataText);
  if (data === undefined) return undefined;
  const roles = entry.get('roles') ?? '';
  return {
    ...{ tenant, session, type, data, dataText },
    user: entry.get('user') ?? '',
    roles: roles === '' ? [] : roles.split(','),
    id: entry.get('id'),
    requestId: entry.get('request_id') ?? '',
    time: Number(entry.get('time')),
    traceparent: entry.get('traceparent'),
    tracestate: entry.get('tracestate'),
  };
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
