import type { Receiver } from '../fanout/deliver';
import type { TimerWheel } from '../lib/timer-wheel';
import type { RouteMetrics } from '../metrics/metrics';
import type { ChannelRegistry } from '../pubsub/channel-registry';
import type { Keeping } from '../resume/replay-log';
import type { Route } from '../routes/route';
import type { Handover } from '../resume/handover/handover';
import type { ReplayLogs } from '../resume/replay-logs';
import type { ChannelStates } from '../states/channel-states';
import { StateView } from '../states/state-view';
import type { Admission } from './admission';
import { ResumableSubscription } from './resumable-subscription';
import { LiveSubscription, type Subscribed, type Subscription } from './subscription';

/** Shared by all subscriptions of a bridge. */
export interface SubscriptionContext {
  readonly subscriptions: ChannelRegistry<Receiver>;
  readonly replayLogs: ReplayLogs;
  /** How much is kept of a route's frames. */
  readonly keepingOf: (route: Route) => Keeping;
  readonly handover: Handover;
  readonly wheel: TimerWheel;
  /** Undefined when no route has states. */
  readonly channelStates: ChannelStates | undefined;
}

/**
 * Makes the subscription that a client asks for: it can resume it when it speaks `bridge.v1`.
 * @param senderId on a route that relays
 */
export function chooseSubscription(
  admission: Admission,
  { subscriptions, replayLogs, keepingOf, handover, wheel, channelStates }: SubscriptionContext,
  metrics: RouteMetrics,
  senderId: Buffer | undefined,
  client: Subscribed,
): Subscription {
  const { route, caller, session, channels, history, bridgeV1 } = admission;
  const view = channelStates && viewOf(admission, channelStates, metrics);
  if (bridgeV1 === undefined) {
    return new LiveSubscription(subscriptions, channels, senderId, wheel, client, view);
  }
  const { tenantId, userId } = caller.identity;
  // A replay log that follows a history counts otherwise than one of the same channel that does not.
  const followed = history === undefined ? [] : [{ history: history.key }];
  const owner = JSON.stringify([tenantId, userId, ...channels, ...followed]);
  const request = {
    identity: { tenant: tenantId, owner, channels, senderId, history, keeping: keepingOf(route) },
    from: bridgeV1.from,
    session,
    lacksState: bridgeV1.lacksState,
    view,
    client,
  };
  return new ResumableSubscription(replayLogs, handover, request, metrics);
}

function viewOf(
  { route, caller, channels: [channel], stateKey: key }: Admission,
  states: ChannelStates,
  metrics: RouteMetrics,
): StateView | undefined {
  if (channel === undefined || key === undefined) return undefined;
  const identity = { place: { channel, key }, route: route.name, owner: caller.identity.tenantId };
  return new StateView(states, identity, metrics);
}
