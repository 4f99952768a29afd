import { namePattern, type ChannelTemplate } from '../routes/channel-template';
import type { RedisNames } from '../redis/names';
import type { MessagePolicy } from '../routes/route';

/** Whether clients' messages are relayed on a channel, with its prefix: asked of channels of routes only. */
export type IsRelayed = (channel: string) => boolean;

/** A route as far as it matters here. */
export interface RelayingRoute {
  readonly messages: MessagePolicy;
  readonly channels: readonly ChannelTemplate[];
}

/**
 * Tells the channels that clients' messages are relayed on from those that services alone publish to, by the templates of
 * the routes that relay. A channel that two routes name, of which one relays, is relayed for both.
 * @returns undefined when no route relays
 */
export function relayedChannels(routes: readonly RelayingRoute[], names: RedisNames): IsRelayed | undefined {
  const patterns = routes
    .filter(({ messages }) => messages === 'relay')
    .flatMap(({ channels }) => channels.map(namePattern));
  if (patterns.length === 0) return undefined;
  return (channel) => {
    const name = names.withoutPrefix(channel);
    return patterns.some((pattern) => pattern.test(name));
  };
}
