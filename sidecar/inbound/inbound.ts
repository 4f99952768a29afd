import type { Commands } from '../../redis/options';
import type { Metrics } from '../metrics/metrics';
import { ByteOwners, withRoomFor, type ByteRates } from '../quotas/byte-owners';
import type { RedisNames } from '../redis/names';
import type { Publish } from '../redis/publish';
import type { Route } from '../routes/route';
import { CommandStream, type CommandStreamSettings } from './command-stream';
import { largestMessage, type MessageSizes } from './message-size';
import type { MessageSink } from './receive';
import { RelayLag } from './relay-lag';
import { countedSink } from './sink';

/** An operator's settings for messages from clients. */
export interface InboundSettings extends CommandStreamSettings {
  readonly maxFrameBytes: number;
  readonly maxCommandBytes: number;
  readonly maxRelayBytes: number;
  readonly maxOneWayFrameBytes: number;
  readonly byteRates: ByteRates;
  readonly maxRelayBacklogBytes: number;
}

/** Messages from clients go through these. */
export interface InboundContext {
  readonly settings: InboundSettings;
  readonly routes: readonly Route[];
  readonly commands: Commands;
  readonly names: RedisNames;
  /** Publishes what clients say to their peers. */
  readonly publishRelay: Publish;
  /** Resolves once what was published so has come in, or never will. */
  readonly proveRelays: () => Promise<void>;
  readonly metrics: Pick<Metrics, 'command' | 'relayed'>;
  readonly monotonicMs: () => number;
}

/** A bridge's handling of messages from clients, and its counts of them. */
export interface Inbound {
  readonly sink: MessageSink;
  readonly relayLag: RelayLag;
  readonly messageSizes: MessageSizes;
  readonly byteOwners: Readonly<Record<'commands' | 'relay', ByteOwners>>;
}

/** Makes what messages from clients go through. */
export function createInbound(context: InboundContext): Inbound {
  const { settings, routes, commands, names, publishRelay, proveRelays, metrics, monotonicMs } = context;
  const commandStream = new CommandStream(commands, names, settings, monotonicMs);
  const relayLag = new RelayLag(settings.maxRelayBacklogBytes, proveRelays);
  const sink: MessageSink = {
    addCommand: (command) => commandStream.add(command),
    holds: (tenantId) => relayLag.holds(tenantId),
    released: (tenantId) => relayLag.released(tenantId),
    publish: (channel, message, tenantId) => {
      relayLag.published(tenantId, message.length);
      return publishRelay(channel, message);
    },
  };
  const messageSizes = sizesOf(settings);
  const ownersOf = (messages: 'commands' | 'relay'): ByteOwners =>
    new ByteOwners(withRoomFor(largestOf(messages, routes, messageSizes), settings.byteRates[messages]));
  return {
    sink: countedSink(sink, metrics),
    relayLag,
    messageSizes,
    byteOwners: { commands: ownersOf('commands'), relay: ownersOf('relay') },
  };
}

function sizesOf(settings: InboundSettings): MessageSizes {
  return {
    any: settings.maxFrameBytes,
    commands: settings.maxCommandBytes,
    relay: settings.maxRelayBytes,
    refuse: settings.maxOneWayFrameBytes,
  };
}

function largestOf(messages: 'commands' | 'relay', routes: readonly Route[], sizes: MessageSizes): number {
  const each = routes
    .filter((route) => route.messages === messages)
    .map((route) => largestMessage(route, sizes));
  return Math.max(0, ...each);
}
