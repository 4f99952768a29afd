import type { Logger } from 'pino';
import type { FittedKey } from '../protocol/keys';
import type { Heartbeat } from './connection/heartbeat';
import type { TokenEnds } from './connection/token-ends';
import type { UnsentBudget } from './fanout/unsent-budget';
import type { PostedMessages } from './handshake/posted-messages';
import type { UpgradeHandler } from './handshake/upgrade-handler';
import type { Inbound } from './inbound/inbound';
import type { LastUp } from './lib/last-up';
import type { LoopShares } from './lib/loop-shares';
import type { TimerWheel } from './lib/timer-wheel';
import type { Locks } from './locks/locks';
import type { Metrics } from './metrics/metrics';
import type { Transport } from './metrics/outcomes';
import type { RedisLinks } from './pubsub/redis-links';
import type { Peers } from './peers/peers';
import type { Presence } from './presence/presence';
import type { IsRelayed } from './pubsub/relayed-channels';
import type { ConnectionQuota } from './quotas/connection-quota';
import type { Returns } from './quotas/returns';
import type { RedisNames } from './redis/names';
import type { Resumption } from './resume/handover/resumption';
import type { Route } from './routes/route';
import type { ChannelStates } from './states/channel-states';
import type { Sessions } from './sessions/sessions';

/** The parts of a bridge. */
export interface Parts {
  readonly routes: readonly Route[];
  readonly names: RedisNames;
  readonly bridgeId: string;
  /** That assertions are verified with: filled when the bridge starts. */
  readonly keys: FittedKey[];
  /** Undefined when no route relays. */
  readonly isRelayed: IsRelayed | undefined;
  readonly links: RedisLinks;
  readonly relaysUp: LastUp;
  readonly wheel: TimerWheel;
  readonly tokenEnds: TokenEnds;
  readonly shares: LoopShares;
  readonly unsentBudget: UnsentBudget;
  readonly unfinishedBudget: UnsentBudget;
  readonly resumption: Resumption;
  /** Undefined when no route has states. */
  readonly channelStates: ChannelStates | undefined;
  readonly inbound: Inbound;
  readonly sessions: Sessions;
  readonly quota: ConnectionQuota;
  readonly returns: Returns;
  /** Undefined when no route tells who else is there. */
  readonly peers: Peers | undefined;
  /** Undefined when no route has locks. */
  readonly locks: Locks | undefined;
  /** Undefined when no route tells of its listeners. */
  readonly presence: Presence | undefined;
  readonly heartbeats: Readonly<Record<Transport, Heartbeat>>;
  readonly metrics: Metrics;
  readonly upgradeHandler: UpgradeHandler;
  readonly postedMessages: PostedMessages;
  readonly now: () => number;
  readonly monotonicMs: () => number;
  readonly log: Logger;
}

/** The parts that serve a connection. */
export type Served = Omit<Parts, 'bridgeId' | 'isRelayed' | 'relaysUp' | 'upgradeHandler' | 'postedMessages'>;
