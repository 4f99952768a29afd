import { hashTag } from './key-slot';

/** Where services tell every bridge to close sockets (PROTOCOL.md §6). */
export const CONTROL_CHANNEL = 'ws:control';

const PROBE_PREFIX = 'ws:probe:';
const BRIDGE_PREFIX = 'ws:bridge:';
const MARK_PREFIX = 'ws:mark:';

/** The channel on which a bridge hears itself. */
export function probeChannel(bridgeId: string): string {
  return `${PROBE_PREFIX}${bridgeId}`;
}

/** The channel on which other bridges tell a bridge something (PROTOCOL.md §7). */
export function bridgeChannel(bridgeId: string): string {
  return `${BRIDGE_PREFIX}${bridgeId}`;
}

/**
 * The channel for marks between the messages of another one. The two share a slot of a Redis Cluster: the other's hash
 * tag is this one's too, and where it has none all of its name, which then holds no braces, is the tag.
 */
export function markChannel(channel: string): string {
  return hashTag(channel) === undefined ? `${MARK_PREFIX}{${channel}}` : `${MARK_PREFIX}${channel}`;
}

/** One in whose slot the hash tag `tag` puts it, on which a bridge hears itself from one master of a cluster. */
export function shardProbeChannel(bridgeId: string, tag: number): string {
  return `${PROBE_PREFIX}${bridgeId}:{${tag}}`;
}

/** Whether a channel is the bridges' own, so that no client may listen or publish there. */
export function isOwnChannel(name: string): boolean {
  return (
    name === CONTROL_CHANNEL ||
    [PROBE_PREFIX, BRIDGE_PREFIX, MARK_PREFIX].some((prefix) => name.startsWith(prefix))
  );
}
