import type { Receiver } from '../fanout/deliver';
import type { Timer, TimerWheel } from '../lib/timer-wheel';
import type { ChannelRegistry } from './channel-registry';

/** Between two attempts to join a channel, in milliseconds. */
export const REJOIN_MS = 1000;

/** Channels are joined so with these. */
export interface LastingJoinContext {
  readonly subscriptions: ChannelRegistry<Receiver>;
  readonly wheel: TimerWheel;
  /** The wheel's clock, in milliseconds. */
  readonly monotonicMs: () => number;
}

/**
 * Joins a channel for a member that is there whether Redis is or not. While that fails it is tried again. A member that joins late
 * is told what it is told when a lost subscription is back.
 * @returns what leaves the channel
 */
export function joinLastingly(
  { subscriptions, wheel, monotonicMs }: LastingJoinContext,
  channel: string,
  member: Receiver,
): () => void {
  let retry: Timer | undefined;
  let isLeft = false;
  const join = async (isLate: boolean): Promise<void> => {
    try {
      await subscriptions.join(channel, member);
      if (isLate && !isLeft) member.restored?.();
    } catch {
      if (!isLeft) retry = wheel.add(monotonicMs() + REJOIN_MS, () => void join(true));
    }
  };
  void join(false);
  return () => {
    isLeft = true;
    retry?.cancel();
    subscriptions.leave(channel, member);
  };
}
