import type { Registry } from './single-channels';

/** The bridge is subscribed to as many channels as it may be. */
export class TooManyChannelsError extends Error {
  override readonly name = 'TooManyChannelsError';
  readonly code = 'ERR_TOO_MANY_CHANNELS';
}

/**
 * A registry in which at most `maxChannels` channels have members, apart from pinned ones; 0 for any number. Joining one
 * more rejects with {@link TooManyChannelsError}.
 * @param countChannels how many have; the registry's own by default
 */
export function withChannelCap<Member>(
  registry: Registry<Member>,
  maxChannels: number,
  countChannels = (): number => registry.size,
): Registry<Member> {
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
      if (isNew && maxChannels > 0 && countChannels() >= maxChannels) {
        return Promise.reject(new TooManyChannelsError('expected room for one more channel'));
      }
      return registry.join(channel, member);
    },
    leave: (channel, member) => {
      registry.leave(channel, member);
    },
    isLive: (channel) => registry.isLive(channel),
  };
}
