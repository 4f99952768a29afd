import type { FlushScheduler } from '../fanout/flush-scheduler';
import type { UnsentBudget } from '../fanout/unsent-budget';
import type { LoopShares } from '../lib/loop-shares';
import type { Transport } from '../metrics/outcomes';
import type { Returns } from '../quotas/returns';
import type { SubscriptionContext } from './choose-subscription';
import type { CompanyContext } from './company';
import type { Heartbeat } from './heartbeat';
import type { IncomingContext } from './incoming';
import type { ReservationContext } from './reservation';
import type { TermContext } from './term';

/** Shared by all connections of a bridge. Each part of a connection is given the part that it uses. */
export interface ConnectionContext
  extends ReservationContext, SubscriptionContext, IncomingContext, CompanyContext, TermContext {
  /** By how the client is connected. */
  readonly heartbeats: Readonly<Record<Transport, Heartbeat>>;
  readonly shares: LoopShares;
  readonly scheduler: FlushScheduler;
  /** A client that has not taken so many bytes yet is too slow. */
  readonly maxBufferBytes: number;
  /** The bytes that all clients together have not taken. */
  readonly unsentBudget: UnsentBudget;
  /** For users whose sockets the bridge cut. */
  readonly returns: Returns;
  /** A socket has to live so long for that, in milliseconds; 0 when there are no returns. */
  readonly returnAfterMs: number;
}
