import type { Publish } from '../../redis/publish';
import type { Logger } from 'pino';
import type { LoopShares } from '../../lib/loop-shares';
import type { Markers } from './markers';
import type { RedisNames } from '../../redis/names';
import type { ReplayLogs } from '../replay-logs';
import type { HandoverOutcome } from '../../metrics/outcomes';
import type { Commands } from '../../../redis/options';

/** A connection as handovers use it. */
export function redisHandoverStore(redis: Commands, publish: Publish, publishMark: Publish): HandoverStore {
  return {
    publish,
    publishMark,
    put: (key, value, ttlMs) => redis.set(key, value, 'PX', ttlMs),
    take: (key) => redis.getdelBuffer(key),
  };
}

/** A handover needs these of Redis. Each call rejects when Redis is unreachable. */
export interface HandoverStore {
  /** @returns how many heard it */
  publish(channel: string, message: string): Promise<number>;
  /** Publishes a marker among the messages of `channel`, behind all that clients sent there through this bridge. */
  publishMark(channel: string, mark: string): Promise<unknown>;
  /** Keeps a value for `ttlMs`. */
  put(key: string, value: Buffer, ttlMs: number): Promise<unknown>;
  /** Reads a value and deletes it. */
  take(key: string): Promise<Buffer | null>;
}

/** Lets each tenant have a few handovers on their way at any time, in their order. */
export type TakeTurn = <T>(tenant: string, act: () => Promise<T>) => Promise<T>;

/** Handovers work with these. */
export interface HandoverContext {
  readonly bridgeId: string;
  readonly names: RedisNames;
  readonly replayLogs: ReplayLogs;
  readonly markers: Markers;
  readonly store: HandoverStore;
  /** Whether everything that is published to these channels comes in one order, on every bridge. */
  readonly inOneOrder: (channels: readonly string[]) => boolean;
  /** Shares of the loop's time: when a bridge drains, very many are handed over at once. */
  readonly shares: LoopShares;
  /** Each side has its own: two bridges that wait for each other would wait for ever. */
  readonly turns: Readonly<Record<'taken' | 'given', TakeTurn>>;
  /** How long one may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Counts what came of one: as the bridge that the client came to, or as the one that it came from. */
  readonly onOutcome: (side: 'taken' | 'given', outcome: HandoverOutcome) => void;
  readonly log: Logger;
}
