import type { Logger } from 'pino';
import type { LoopShares } from '../../lib/loop-shares';
import type { TimerWheel } from '../../lib/timer-wheel';
import { Histories } from '../../history/histories';
import { redisHistoryStore } from '../../history/history-store';
import type { Metrics } from '../../metrics/metrics';
import type { RedisLinks } from '../../pubsub/redis-links';
import type { RedisNames } from '../../redis/names';
import { historyTeller } from '../history-teller';
import type { Keeping } from '../replay-log';
import { ReplayLogs } from '../replay-logs';
import { RingBudget } from '../ring-budget';
import { redisHandoverStore, type TakeTurn } from './context';
import { Handover } from './handover';
import { Markers } from './markers';
import { formatMarker } from './messages';

/** An operator's settings for clients that come back. */
export interface ResumptionSettings {
  readonly ringMaxFrames: number;
  readonly ringMaxBytes: number;
  readonly ringTotalBytes: number;
  readonly ringTenantBytes: number;
  readonly lingerMs: number;
  readonly handoverTimeoutMs: number;
}

/** The parts that keep frames for clients that come back, to this bridge or to another one. */
export interface ResumptionContext {
  readonly settings: ResumptionSettings;
  readonly bridgeId: string;
  readonly links: RedisLinks;
  readonly names: RedisNames;
  readonly wheel: TimerWheel;
  readonly shares: LoopShares;
  /** Makes turns for handovers. */
  readonly takeTurns: () => TakeTurn;
  readonly monotonicMs: () => number;
  /** The offset of a replay log's first frame. */
  readonly firstOffset: number;
  readonly metrics: Pick<Metrics, 'ringGivenUp' | 'handover' | 'ofRoute'>;
  readonly log: Logger;
}

/** How much a replay log keeps of a route that does not say. */
export function keepingOf({ ringMaxFrames, ringMaxBytes, lingerMs }: ResumptionSettings): Keeping {
  return { maxItems: ringMaxFrames, maxBytes: ringMaxBytes, lingerMs };
}

/** The frames that are kept, and the ways between bridges. */
export interface Resumption {
  readonly ringBudget: RingBudget;
  readonly replayLogs: ReplayLogs;
  readonly markers: Markers;
  readonly handover: Handover;
  readonly histories: Histories;
}

/** Makes what keeps frames for clients that come back, and hands them over. */
export function createResumption(context: ResumptionContext): Resumption {
  const { settings, bridgeId, links, names, wheel, shares, takeTurns, monotonicMs } = context;
  const { firstOffset, metrics, log } = context;
  const { subscribers } = links;
  const ringBudget = new RingBudget(
    { totalBytes: settings.ringTotalBytes, tenantBytes: settings.ringTenantBytes },
    (bound, victim) => {
      metrics.ringGivenUp(bound, victim);
    },
  );
  const markers = new Markers((channel) => subscribers.registryOf(channel), names);
  const histories = new Histories({
    store: redisHistoryStore(links.commands),
    registry: subscribers.subscriptions,
    markers,
    markChannel: (channel) => names.mark(channel),
    formatMarker: (id) => formatMarker({ id, senderId: undefined }),
    bridgeId,
    timeoutMs: settings.handoverTimeoutMs,
  });
  const replayLogs = new ReplayLogs({
    subscriptions: subscribers.subscriptions,
    wheel,
    shares,
    monotonicMs,
    bridgeId,
    budget: ringBudget,
    firstOffset,
    histories,
    onHistory: historyTeller(context),
    onGivenUp: () => {
      metrics.ringGivenUp('subscriptions', 'lingering');
    },
  });
  const handover = new Handover({
    bridgeId,
    names,
    replayLogs,
    markers,
    store: redisHandoverStore(links.commands, links.publish, links.publishMark),
    inOneOrder: (channels) => subscribers.inOneOrder(channels),
    shares,
    turns: { taken: takeTurns(), given: takeTurns() },
    timeoutMs: settings.handoverTimeoutMs,
    onOutcome: (side, outcome) => {
      metrics.handover(side, outcome);
    },
    log,
  });
  return { ringBudget, replayLogs, markers, handover, histories };
}
