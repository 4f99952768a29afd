import type { Members } from '../lib/small-set';

/** Redis cannot be reached, so a subscription cannot be had now. */
export class SubscriptionError extends Error {
  override readonly name = 'SubscriptionError';
  readonly code = 'ERR_SUBSCRIPTION_UNAVAILABLE';
}

/** Channels in one SUBSCRIBE, at most. */
export const MAX_CHANNELS_PER_SUBSCRIBE = 1000;

/** Who wants which channel, however channels reach Redis. */
export interface ChannelRegistry<Member> {
  /** How many channels have members, apart from pinned ones. */
  readonly size: number;
  /** The members of a channel. */
  members(channel: string): Members<Member>;
  /** Makes a channel's one member, for good. */
  pin(channel: string, member: Member): void;
  /**
   * Adds a member, at most once in its life. Resolves once whatever is published from then on reaches it.
   * @throws SubscriptionError when Redis is unreachable, RefusedChannelError when it does not allow the channel; the member is
   * not added then
   */
  join(channel: string, member: Member): Promise<void>;
  /** Removes a member, at whatever stage its join is. Does nothing for one that is not a member. */
  leave(channel: string, member: Member): void;
  /** Whether nothing stands between Redis and the channel's members: its subscription is neither lost nor being made again. */
  isLive(channel: string): boolean;
  /**
   * Resolves once all that was published to a channel before has reached its members: it asks on the connection that carries
   * the messages, behind which the answer comes.
   * @throws SubscriptionError when the subscription is lost, or was lost meanwhile
   */
  arrived(channel: string): Promise<void>;
}

/** The bridge is subscribed to as many channels as it may be. */
export class TooManyChannelsError extends Error {
  override readonly name = 'TooManyChannelsError';
  readonly code = 'ERR_TOO_MANY_CHANNELS';
}

/**
 * A registry in which at most `maxChannels` channels have members, apart from pinned ones; 0 for any number. Joining one
 * more rejects with {@link TooManyChannelsError}.
 * @param countChannels how many have; the registry's own by default
 * @param makeRoom takes a channel from members that can do without it; returns whether there was one
 */
export function withChannelCap<Member>(
  registry: ChannelRegistry<Member>,
  maxChannels: number,
  countChannels = (): number => registry.size,
  makeRoom = (): boolean => false,
): ChannelRegistry<Member> {
  const hasRoom = (): boolean => maxChannels === 0 || countChannels() < maxChannels || makeRoom();
  return {
    get size() {
      return registry.size;
    },
    members: (channel) => registry.members(channel),
    pin: (channel, member) => {
      registry.pin(channel, member);
    },
    join: (channel, member) => {
      const isNew = registry.members(channel).size === 0;
      if (isNew && !hasRoom()) {
        return Promise.reject(new TooManyChannelsError('expected room for one more channel'));
      }
      return registry.join(channel, member);
    },
    leave: (channel, member) => {
      registry.leave(channel, member);
    },
    isLive: (channel) => registry.isLive(channel),
    arrived: (channel) => registry.arrived(channel),
  };
}
