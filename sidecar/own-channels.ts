/** Where services tell every bridge to close sockets (PROTOCOL.md §6). */
export const CONTROL_CHANNEL = 'ws:control';

const PROBE_PREFIX = 'ws:probe:';

/** The channel on which a bridge hears itself. */
export function probeChannel(bridgeId: string): string {
  return `${PROBE_PREFIX}${bridgeId}`;
}

/** Whether a channel is the bridges' own, so that no client may listen or publish there. */
export function isOwnChannel(name: string): boolean {
  return name === CONTROL_CHANNEL || name.startsWith(PROBE_PREFIX);
}
