import type { Logger } from 'pino';
import { deliver } from '../fanout/deliver';
import type { LoopShares } from '../lib/loop-shares';
import type { SubscriberListener } from './subscriber';
import { Subscribers } from './subscribers';
import type { SubscriberContext, SubscriberSettings } from './single-subscriber';
import { publisher, type Publish } from '../redis/publish';
import { disconnect, listenerCount, redisCommands } from '../redis/connections';
import type { RedisNames } from '../redis/names';
import type { IsRelayed } from './relayed-channels';
import { subscriberFor } from './cluster-subscriber';
import type { ProbeOutcome } from '../metrics/outcomes';
import type { Commands } from '../../redis/options';
import type { RedisSettings } from '../redis/settings';
import type { ConnectionName, SubscriberName } from '../redis/connection-names';

/** The ways to Redis are made of these. */
export interface RedisLinksContext {
  readonly settings: RedisSettings & SubscriberSettings & { readonly maxSubscriptions: number };
  readonly bridgeId: string;
  readonly names: RedisNames;
  /** Undefined when no route relays. */
  readonly isRelayed: IsRelayed | undefined;
  readonly onProbe: (connection: SubscriberName, outcome: ProbeOutcome, seconds?: number) => void;
  readonly listener: SubscriberListener;
  /** Shares of the loop's time, to tell of losses. */
  readonly shares: LoopShares;
  /** Takes a channel from members that can do without it. @returns whether there was one */
  readonly makeRoom: () => boolean;
  readonly log: Logger;
}

/** Whether each connection is up. */
export type LinkHealth = Readonly<Partial<Record<ConnectionName, boolean>>>;

/**
 * A bridge's ways to Redis. Messages that clients send to one another go out and come in over connections of their own.
 * These are there only when a route relays. A flood of such messages waits for itself, and can get only its own
 * connections cut.
 */
export interface RedisLinks {
  /** For whatever is no message of a client to its peers. */
  readonly commands: Commands;
  readonly subscribers: Subscribers;
  /** Publishes what the bridge itself has to say. */
  readonly publish: Publish;
  /** Publishes what clients say to their peers. */
  readonly publishRelay: Publish;
  /** Resolves once what {@link RedisLinks.publishRelay} sent before has come in, or never will. Never rejects. */
  proveRelays(): Promise<void>;
  /** Publishes a marker among the messages of `channel`, behind all that clients sent there through this bridge. */
  readonly publishMark: Publish;
  readonly health: LinkHealth;
  /** Whether relayed messages go out and come in now; true when no route relays. */
  readonly relays: boolean;
  /** Whether what is published is heard, by the latest probe of each way in. */
  readonly delivers: Readonly<Partial<Record<SubscriberName, boolean>>>;
  readonly listenerCount: number;
  /** Tries to connect once, and from then on stays connected. Never rejects. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
}

/** Makes a bridge's ways to Redis. Nothing connects yet. */
export function redisLinks(context: RedisLinksContext): RedisLinks {
  const { settings, names, isRelayed, makeRoom, log } = context;
  const commands = redisCommands('commands', settings, log);
  const publish = publisher(commands);
  const services = subscriberFor(commands, subscriberContext(context, 'subscriber', publish));
  const relays = isRelayed && relayLinks(context, isRelayed);
  const subscribers = new Subscribers(services, relays, settings.maxSubscriptions, makeRoom);
  const publishRelay = relays?.publish ?? publish;
  const allCommands = relays === undefined ? [commands] : [commands, relays.commands];
  return {
    commands,
    subscribers,
    publish,
    publishRelay,
    proveRelays: () => relays?.subscriber.proveArrival() ?? Promise.resolve(),
    publishMark: (channel, mark) =>
      (isRelayed?.(channel) === true ? publishRelay : publish)(names.mark(channel), mark),
    get health() {
      return {
        commands: isUp(commands),
        subscriber: services.isConnected,
        ...(relays && { publisher: isUp(relays.commands), relays: relays.subscriber.isConnected }),
      };
    },
    get relays() {
      return relays === undefined || (isUp(relays.commands) && relays.subscriber.isConnected);
    },
    get delivers() {
      return { subscriber: services.delivers, ...(relays && { relays: relays.subscriber.delivers }) };
    },
    get listenerCount() {
      return allCommands.reduce((sum, one) => sum + listenerCount(one), subscribers.listenerCount);
    },
    connect: async () => {
      await Promise.allSettled([...allCommands.map((one) => one.connect()), subscribers.connect()]);
    },
    disconnect: async () => {
      await Promise.all([...allCommands.map(disconnect), subscribers.disconnect()]);
    },
  };
}

function relayLinks(context: RedisLinksContext, isRelayed: IsRelayed) {
  const commands = redisCommands('publisher', context.settings, context.log);
  const publish = publisher(commands);
  const subscriber = subscriberFor(commands, subscriberContext(context, 'relays', publish));
  return { commands, publish, subscriber, isRelayed };
}

/** @param publish the probes go where the messages do, so that they wait for the same */
function subscriberContext(
  { settings, bridgeId, names, onProbe, listener, shares, log }: RedisLinksContext,
  connection: SubscriberName,
  publish: Publish,
): SubscriberContext {
  return {
    settings,
    connection,
    probeId: connection === 'relays' ? `${bridgeId}-relays` : bridgeId,
    names,
    publish,
    onProbe: (outcome, seconds) => {
      onProbe(connection, outcome, seconds);
    },
    deliver,
    listener,
    shares,
    log,
  };
}

function isUp(commands: Commands): boolean {
  return commands.status === 'ready';
}
