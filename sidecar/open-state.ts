import type { Parts } from './parts';

/** How many of each thing a bridge holds: all 0 when no client is there. */
export interface OpenState {
  readonly connections: number;
  readonly undecidedUpgrades: number;
  readonly channels: number;
  /** Held by bridge.v1 clients, or lingering for them. */
  readonly streams: number;
  /** The bytes of their rings, and of how many tenants. */
  readonly ringBytes: number;
  readonly ringTenants: number;
  /** The bytes that wait for clients that take no more. */
  readonly unsentBytes: number;
  /** The bytes of messages of clients that are not whole. */
  readonly unfinishedBytes: number;
  /** States of channels that are looked for. */
  readonly states: number;
  /** Deadlines to come: ends of tokens and of lingering replay logs. */
  readonly deadlines: number;
  readonly sessions: number;
  /** Tokens and tenants by which open sockets are found when they are revoked. */
  readonly revocable: number;
  /** Users and tenants whose connections are counted. */
  readonly cappedCallers: number;
  /** Documents whose clients are told who else is there. */
  readonly documents: number;
  /** Documents whose clients may lock names, and the names that are locked. */
  readonly lockedDocuments: number;
  readonly locks: number;
  /** Topics whose listeners services are told of. */
  readonly topics: number;
  /** Users and tenants with sockets that sent something. */
  readonly meteredCallers: number;
  /** Asked of other bridges, and given to them. */
  readonly handovers: number;
  /** Histories that are read. */
  readonly histories: number;
  /** Markers that are waited for. */
  readonly marks: number;
  readonly heartbeats: number;
  /** Listeners on the Redis connections beyond the bridge's own. */
  readonly redisListeners: number;
}

/** @param ownListeners on the Redis connections, of the bridge itself */
export function openState(parts: Parts, ownListeners: number): OpenState {
  const { links, inbound, resumption, upgradeHandler } = parts;
  const { byteOwners } = inbound;
  return {
    connections: upgradeHandler.connections.size,
    undecidedUpgrades: upgradeHandler.undecided,
    channels: links.subscribers.subscriptions.size,
    streams: resumption.replayLogs.size,
    ringBytes: resumption.ringBudget.bytes,
    ringTenants: resumption.ringBudget.tenants,
    unsentBytes: parts.unsentBudget.bytes,
    unfinishedBytes: parts.unfinishedBudget.bytes,
    states: parts.channelStates?.size ?? 0,
    deadlines: parts.wheel.size + parts.tokenEnds.size,
    sessions: parts.sessions.size,
    revocable: upgradeHandler.connections.revocable,
    cappedCallers: parts.quota.size,
    documents: parts.peers?.size ?? 0,
    lockedDocuments: parts.locks?.documents ?? 0,
    locks: parts.locks?.size ?? 0,
    topics: parts.presence?.size ?? 0,
    meteredCallers: byteOwners.commands.inUse + byteOwners.relay.inUse,
    handovers: resumption.handover.size,
    histories: resumption.histories.size,
    marks: resumption.markers.size,
    heartbeats: parts.heartbeats.websocket.size + parts.heartbeats.http.size,
    redisListeners: links.listenerCount - ownListeners,
  };
}
