import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import type { Commands } from '../../redis/options';
import { frameOf, type Frame } from '../fanout/frame';
import { historyEpoch } from './history-epoch';

/** Where the history of a channel is, and how much of it is kept. */
export interface HistoryPlace {
  /** The route's name. */
  readonly route: string;
  readonly channel: string;
  readonly key: string;
  /** How many frames are read at most. */
  readonly maxFrames: number;
  /** And how many bytes of them. */
  readonly maxBytes: number;
  /** How long it is kept after its last frame, or its last client, in milliseconds. */
  readonly keptMs: number;
}

/** The frames that are asked for: those after `offset` of the history that began then, or of whichever there is. */
export interface AskedFrames {
  readonly begun: string;
  readonly offset: number;
}

/** Asks for whichever history there is. */
export const ANY_HISTORY = '*';

/** A message to publish in the step in which a history is read. */
export interface Announcement {
  readonly channel: string;
  readonly message: string;
}

/** A history as it is at one moment. */
export interface HistoryCut {
  readonly epoch: string;
  /** How many frames it has had: the offset of the one that comes next. */
  readonly end: number;
  /** Its last frames, as many as were asked for, are kept and are within the bounds. The last of them is the one before {@link end}. */
  readonly frames: readonly Frame[];
}

/** Histories in Redis. Each call rejects when Redis is unreachable. */
export interface HistoryStore {
  /** Reads a history, which begins when there is none, and publishes in the same step. */
  read(place: HistoryPlace, asked: AskedFrames | undefined, announcement: Announcement): Promise<HistoryCut>;
  /** Keeps it for longer. @returns whether it is there */
  renew(place: HistoryPlace): Promise<boolean>;
}

const READ_HISTORY_LUA = readFileSync(join(__dirname, 'read-history.lua'), 'utf8');
const ENTRY_ID = /^(\d+)-(\d+)$/;

type ReadHistory = (key: string, ...args: (string | number)[]) => Promise<[Buffer, Buffer, Buffer[]]>;

/** Histories over a connection. */
export function redisHistoryStore(redis: Commands): HistoryStore {
  redis.defineCommand('readHistory', { numberOfKeys: 1, lua: READ_HISTORY_LUA });
  const { readHistoryBuffer } = redis as unknown as Readonly<Record<'readHistoryBuffer', ReadHistory>>;
  const verb = redis instanceof Cluster ? 'SPUBLISH' : 'PUBLISH';
  return {
    read: async ({ key, keptMs, maxFrames, maxBytes }, asked, { channel, message }) => {
      const { begun, offset } = asked ?? { begun: '', offset: 0 };
      const args = [verb, channel, message, keptMs, begun, offset, maxFrames, maxBytes];
      return cutOf(await readHistoryBuffer.call(redis, key, ...args));
    },
    renew: async ({ key, keptMs }) => (await redis.pexpire(key, keptMs)) === 1,
  };
}

function cutOf([id, replicationId, frames]: readonly [Buffer, Buffer, readonly Buffer[]]): HistoryCut {
  const [, begun = '', number] = ENTRY_ID.exec(id.toString()) ?? [];
  return {
    epoch: historyEpoch(begun, replicationId.toString()),
    end: Number(number),
    frames: frames.map((payload) => frameOf(payload, !isUtf8(payload))).reverse(),
  };
}
