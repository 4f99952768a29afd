import type { Logger } from 'pino';
import { tellRefused, type Receiver } from '../fanout/deliver';
import { gatherCommands, redisSubscriber } from './gathered-subscriber';
import type { Subscriber, SubscriberListener } from './subscriber';
import { giveUp } from '../../redis/give-up-silent';
import type { LoopShares } from '../lib/loop-shares';
import { LossTeller } from './loss-teller';
import { DeliveryProbe, type ProbeContext } from './delivery-probe';
import type { Publish } from '../redis/publish';
import { disconnect, listenerCount, redisConnection } from '../redis/connections';
import type { RedisNames } from '../redis/names';
import type { Members } from '../lib/small-set';
import { SingleChannels } from './single-channels';
import { tapMessages } from '../fanout/resp-reader';
import type { RedisSettings } from '../redis/settings';
import type { SubscriberName } from '../redis/connection-names';

/** How often a subscriber looks whether all is well; milliseconds. */
export interface SubscriberSettings {
  readonly probeIntervalMs: number;
  readonly probeTimeoutMs: number;
  /** Between two looks at a cluster's slots. */
  readonly redisTopologyIntervalMs: number;
}

/** A subscriber works with these. */
export interface SubscriberContext {
  readonly settings: RedisSettings & SubscriberSettings;
  /** The name of its connections. */
  readonly connection: SubscriberName;
  /** Names its probes' channels: no other subscriber, of any bridge, has the same. */
  readonly probeId: string;
  readonly names: RedisNames;
  readonly publish: Publish;
  /** Told of each probe. */
  readonly onProbe: ProbeContext['onOutcome'];
  /** Hands a message to its channel's receivers. */
  readonly deliver: (message: Buffer, receivers: Members<Receiver>) => void;
  readonly listener: SubscriberListener;
  /** Shares of the loop's time, to tell of losses. */
  readonly shares: LoopShares;
  readonly log: Logger;
}

/** The subscriber of one Redis: one connection that carries every subscription, in one order. */
export function singleSubscriber({
  settings,
  connection,
  probeId,
  names,
  publish,
  onProbe,
  deliver,
  listener,
  shares,
  log,
}: SubscriberContext): Subscriber {
  const redis = redisConnection(connection, settings, log);
  const subscriptions = new SingleChannels<Receiver>(
    gatherCommands(redisSubscriber(redis)),
    (channel, members, reason) => {
      log.warn({ channel, members: members.size, reason: reason.message }, 'redis refuses a channel');
      tellRefused(members);
    },
  );
  const probe = new DeliveryProbe({
    publish: (message) => publish(names.probe(probeId), message),
    onSilence: () => {
      giveUp(redis, 'a published probe was not heard');
    },
    onOutcome: onProbe,
    intervalMs: settings.probeIntervalMs,
    timeoutMs: settings.probeTimeoutMs,
  });
  subscriptions.pin(names.probe(probeId), probe);
  const losses = new LossTeller(shares);
  const restore = async (): Promise<void> => {
    if (!(await subscriptions.up())) return;
    listener.restored();
    probe.up();
  };
  redis.on('ready', () => {
    const { stream } = redis;
    losses.whenTold(() => {
      // It may be lost again by now.
      if (redis.stream === stream && redis.status === 'ready') void restore();
    });
  });
  redis.on('close', () => {
    // Each attempt that fails closes as well, and loses nothing more.
    if (subscriptions.down()) losses.tell(listener.lost(subscriptions.channels));
    probe.down();
  });
  tapMessages(redis, (channel, message) => {
    deliver(message, subscriptions.members(channel));
  });
  return {
    subscriptions,
    get isConnected() {
      return redis.status === 'ready';
    },
    get delivers() {
      return probe.delivers;
    },
    inOneOrder: () => true,
    proveArrival: () => probe.prove(),
    get listenerCount() {
      return listenerCount(redis);
    },
    connect: () => redis.connect().catch(() => undefined),
    start: () => {
      probe.start();
    },
    stop: () => {
      probe.stop();
    },
    disconnect: () => disconnect(redis),
  };
}
