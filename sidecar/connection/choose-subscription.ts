import type { Receiver } from '../fanout/deliver';
import type { TimerWheel } from '../lib/timer-wheel';
import type { RouteMetrics } from '../metrics/metrics';
import type { ChannelRegistry } from '../pubsub/channel-registry';
import type { Handover } from '../resume/handover/handover';
import type { ReplayLogs } from '../resume/replay-logs';
import type { Admission } from './admission';
import { ResumableSubscription } from './resumable-subscription';
import { LiveSubscription, type Subscription } from './subscription';

/** Shared by all subscriptions of a bridge. */
export interface SubscriptionContext {
  readonly subscriptions: ChannelRegistry<Receiver>;
  readonly replayLogs: ReplayLogs;
  readonly handover: Handover;
  readonly wheel: TimerWheel;
}

/**
 * Makes the subscription that a client asks for: it can resume it when it speaks `bridge.v1`.
 * @param senderId on a route that relays
 * @param onRefused told when Redis does not allow one of the channels any longer
 */
export function chooseSubscription(
  { caller, session, channels, bridgeV1 }: Admission,
  { subscriptions, replayLogs, handover, wheel }: SubscriptionContext,
  metrics: RouteMetrics,
  senderId: Buffer | undefined,
  onRefused: () => void,
): Subscription {
  if (bridgeV1 === undefined) {
    return new LiveSubscription(subscriptions, channels, senderId, wheel, onRefused);
  }
  const { tenantId, userId } = caller.identity;
  const owner = JSON.stringify([tenantId, userId, ...channels]);
  const request = {
    identity: { tenant: tenantId, owner, channels, senderId },
    point: bridgeV1.point,
    session,
    onRefused,
  };
  return new ResumableSubscription(replayLogs, handover, request, metrics);
}
