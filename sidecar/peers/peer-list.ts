/** Who is at a document, on one bridge or on all. */
export interface PeerList {
  /** The ids of users, each once: not all of them where there are very many. */
  readonly users: readonly string[];
  /** How many connections there are, each tab its own. */
  readonly count: number;
}

/** A bridge's list of its own clients, for the others. */
export interface BridgePeers extends PeerList {
  /** It has not heard of the others yet. */
  readonly asks?: boolean;
}

/** Users in a list, at most. */
export const MAX_USERS = 100;
/** The bytes of their ids together, at most. */
export const MAX_USER_BYTES = 4096;

/** The first of these users, each once, as many as a list has room for. */
export function listed(users: Iterable<string>): readonly string[] {
  const kept = new Set<string>();
  let bytes = 0;
  for (const user of users) {
    if (kept.has(user)) continue;
    bytes += Buffer.byteLength(user);
    if (kept.size === MAX_USERS || bytes > MAX_USER_BYTES) break;
    kept.add(user);
  }
  return [...kept];
}

/** Reads what another bridge says. @returns undefined when it is nothing of the kind */
export function readBridgePeers(payload: Buffer): BridgePeers | undefined {
  const { users, count, asks } = parse(payload);
  if (!Array.isArray(users) || !users.every((user) => typeof user === 'string')) return undefined;
  if (!Number.isSafeInteger(count) || (count as number) < 0) return undefined;
  return { users: listed(users), count: count as number, asks: asks === true };
}

function parse(payload: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
