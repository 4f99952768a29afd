import type { Members } from '../lib/small-set';

/** Channels that Redis does not allow, and what it said. */
export type RefusedChannels = ReadonlyMap<string, Error>;

/**
 * A subscriber connection. Commands reach Redis in the order of the calls, and each promise settles: it
 * rejects when the connection is lost before the answer.
 */
export interface SubscribeCommands {
  /** @returns those that Redis refused; to the others it is subscribed */
  subscribe(channels: readonly string[]): Promise<RefusedChannels>;
  unsubscribe(channels: readonly string[]): Promise<unknown>;
  /** Resolves with an answer that comes behind all that was published before. */
  ping(): Promise<unknown>;
  /** Gives the connection up for a new one: what Redis is subscribed to is no longer known. */
  reset(): void;
}

/** Redis does not allow a channel (its ACL), whatever is tried. */
export class RefusedChannelError extends Error {
  override readonly name = 'RefusedChannelError';
  readonly code = 'ERR_CHANNEL_REFUSED';
}

/** Told of a channel that Redis allows no longer: who was its member, and hears nothing any more. */
export type OnRefused<Member> = (channel: string, members: Members<Member>, reason: Error) => void;
