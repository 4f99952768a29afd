/** How large a platform is, and what its users do. Rates are those of an ordinary second. */
export interface Deployment {
  readonly bridges: number;
  readonly sockets: number;
  readonly tenants: number;
  readonly socketsPerUser: number;
  /** Sockets that have a session: AI chats. */
  readonly chatShare: number;
  /** A socket ends with its token, in seconds; then its client opens the next one. */
  readonly socketLifeSeconds: number;
  /** Messages on a channel that all sockets of a tenant hear, a tenant and second. */
  readonly noticesPerTenant: number;
  /** Messages on channels that one socket hears, a socket and second. */
  readonly messagesPerSocket: number;
  /** Orders on the control channel, a user and second. */
  readonly ordersPerUser: number;
}

/** How often a bridge does what it does whoever is there. In seconds. */
export interface Intervals {
  readonly announceSeconds: number;
  readonly leaseSeconds: number;
  readonly renewSeconds: number;
  readonly probeSeconds: number;
  /** Connections on which a bridge hears messages, each of which it probes. */
  readonly probes: number;
}

/** Whether the bridges of a limit are added up with each call, or once they may have ended. */
export type AddingUp = 'each call' | 'once a lease';

/** Other bridges that a call adds up all the same: connection-caps.lua. */
export const ADDED_UP_ANYWAY = 16;
/** A lease that is renewed each third of it has at least so much of it left. */
const LEAST_OF_A_LEASE = 2 / 3;

/** The events of one second, on all bridges together. Each has a cost in Redis, and in a bridge. */
export interface Rates {
  /** Upgrades, and as many sockets that close. */
  readonly upgrades: number;
  /** Sessions whose claim is renewed. */
  readonly renewals: number;
  /** Numbers of connections, of a user or a tenant, that a bridge says again. */
  readonly announcements: number;
  /** Bridges' numbers that are read to add them up. */
  readonly addends: number;
  readonly probes: number;
  readonly publishes: number;
  /** Messages that Redis hands to a bridge: one that ten bridges hear counts ten times. */
  readonly deliveries: number;
  /** Orders that a bridge hears. */
  readonly orders: number;
}

/** The events of a deployment each second. */
export function ratesOf(deployment: Deployment, intervals: Intervals, addingUp: AddingUp): Rates {
  const { bridges, sockets, tenants, socketsPerUser, chatShare, socketLifeSeconds } = deployment;
  const users = sockets / socketsPerUser;
  const ofTenant = bridgesWith(sockets / tenants, bridges);
  const ofUser = bridgesWith(socketsPerUser, bridges);
  const upgrades = sockets / socketLifeSeconds;
  const orders = deployment.ordersPerUser * users;
  const announcements = (tenants * ofTenant + users * ofUser) / intervals.announceSeconds;
  const notices = deployment.noticesPerTenant * tenants;
  const own = deployment.messagesPerSocket * sockets;
  const probes = (bridges * intervals.probes) / intervals.probeSeconds;
  return {
    upgrades,
    renewals: (sockets * chatShare) / intervals.renewSeconds,
    announcements,
    addends:
      addends(ofTenant, { limits: tenants, upgrades, intervals, addingUp }) +
      addends(ofUser, { limits: users, upgrades, intervals, addingUp }),
    probes,
    publishes: notices + own + orders,
    deliveries: notices * ofTenant + own,
    orders: orders * bridges,
  };
}

/** On how many of the bridges at least one of so many sockets is, when a balancer spreads them evenly. */
export function bridgesWith(sockets: number, bridges: number): number {
  return bridges * (1 - (1 - 1 / bridges) ** sockets);
}

/**
 * How many numbers are added up a second, of limits that so many bridges hold permits of. A limit is asked for with each upgrade and
 * each socket that closes, and said again by each of the bridges.
 */
function addends(
  bridges: number,
  {
    limits,
    upgrades,
    intervals,
    addingUp,
  }: {
    readonly limits: number;
    readonly upgrades: number;
    readonly intervals: Intervals;
    readonly addingUp: AddingUp;
  },
): number {
  if (addingUp === 'once a lease' && bridges > ADDED_UP_ANYWAY)
    return (limits * bridges) / (intervals.leaseSeconds * LEAST_OF_A_LEASE);
  const calls = 2 * upgrades + (limits * bridges) / intervals.announceSeconds;
  return calls * bridges;
}
