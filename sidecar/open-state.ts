/** How many of each thing a bridge holds: all 0 when no client is there. */
export interface OpenState {
  readonly connections: number;
  readonly undecidedUpgrades: number;
  readonly channels: number;
  /** Held by bridge.v1 clients, or lingering for them. */
  readonly streams: number;
  /** What their rings hold, and of how many tenants. */
  readonly ringBytes: number;
  readonly ringTenants: number;
  /** What waits for clients that take no more. */
  readonly unsentBytes: number;
  /** What is due later: ends of tokens and of lingering streams. */
  readonly deadlines: number;
  readonly sessions: number;
  /** Tokens and tenants by which open sockets are found when they are revoked. */
  readonly revocable: number;
  /** Users and tenants whose connections are counted. */
  readonly cappedCallers: number;
  /** Users and tenants with sockets that sent something. */
  readonly meteredCallers: number;
  /** Asked of other bridges, and given to them. */
  readonly handovers: number;
  /** Marks that are waited for. */
  readonly marks: number;
  readonly heartbeats: number;
  /** Listeners on the Redis connections beyond the bridge's own. */
  readonly redisListeners: number;
}
