/** A session, a document or a dashboard got its first listener, or has none any more (PROTOCOL.md §12). */
export interface PresenceChange {
  readonly type: 'joined' | 'left';
  readonly tenant: string;
  /** The name of the bridges' route. */
  readonly route: string;
  /** Where its listeners hear you, without the prefix. */
  readonly channel: string;
  /** The parameters of the path, such as the `id` of a dashboard. */
  readonly params: Readonly<Record<string, string>>;
  /** On a route with sessions. */
  readonly session: string | undefined;
  /** By Redis's clock, in milliseconds since the epoch. */
  readonly time: number;
}

/** @returns undefined for an entry that is none of a bridge of this version */
export function readChange(entryId: string, fields: readonly string[]): PresenceChange | undefined {
  const entry = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) entry.set(fields[i] ?? '', fields[i + 1] ?? '');
  const [type, tenant, route, channel] = ['type', 'tenant', 'route', 'channel'].map((name) =>
    entry.get(name),
  );
  const params = paramsOf(entry.get('params'));
  if (type !== 'joined' && type !== 'left') return undefined;
  if (tenant === undefined || route === undefined || channel === undefined || params === undefined)
    return undefined;
  const time = Number(entryId.split('-')[0]);
  return { type, tenant, route, channel, params, session: entry.get('session'), time };
}

function paramsOf(json: string | undefined): Readonly<Record<string, string>> | undefined {
  try {
    const params: unknown = JSON.parse(json ?? '');
    return typeof params === 'object' && params !== null ? (params as Record<string, string>) : undefined;
  } catch {
    return undefined;
  }
}
