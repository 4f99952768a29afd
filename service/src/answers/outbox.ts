import { isCluster, type RedisClient } from '../redis/client';
import type { AnswerFrame, AnswerRecords } from './answer-records';
import type { Life } from './life';

/** A frame on its way. */
export interface Outgoing extends AnswerFrame {
  /** Looked at right before the write: a worker that was paused since sends nothing. */
  readonly life: Pick<Life, 'lives'>;
  /** Called once Redis confirmed or refused it, or once it was held back because others have its answer. */
  readonly done: (refused: 'lost' | Error | undefined) => void;
}

/** How many frames one step publishes: Redis does nothing else meanwhile. */
const MAX_FRAMES_A_STEP = 100;

/** Publishes the frames of one turn of the event loop in one step; in a cluster, in one for each channel. */
export class Outbox {
  readonly #redis: RedisClient;
  readonly #records: Pick<AnswerRecords, 'publish'>;
  #waiting: Outgoing[] = [];

  constructor(redis: RedisClient, records: Pick<AnswerRecords, 'publish'>) {
    this.#redis = redis;
    this.#records = records;
  }

  add(frame: Outgoing): void {
    this.#waiting.push(frame);
    if (this.#waiting.length === 1)
      setImmediate(() => {
        this.#flush();
      });
  }

  #flush(): void {
    // A frame that ioredis keeps goes out when the connection is back, although others may have the answer by then.
    if (isBroken(this.#redis)) {
      this.#wait();
      return;
    }
    const frames = this.#waiting.filter(isStillMine);
    this.#waiting = [];
    const groups = isCluster(this.#redis) ? byChannel(frames) : [frames];
    for (const group of groups)
      for (let at = 0; at < group.length; at += MAX_FRAMES_A_STEP)
        void this.#publish(group.slice(at, at + MAX_FRAMES_A_STEP));
  }

  /** Goes on once there is a connection, or once there will be none. */
  #wait(): void {
    const goOn = (): void => {
      this.#redis.off('ready', goOn);
      this.#redis.off('end', goOn);
      this.#flush();
    };
    this.#redis.once('ready', goOn);
    this.#redis.once('end', goOn);
  }

  async #publish(frames: readonly Outgoing[]): Promise<void> {
    try {
      const said = await this.#records.publish(frames);
      frames.forEach(({ done }, i) => {
        done(said[i]);
      });
    } catch (cause) {
      for (const { done } of frames) done(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }
}

/** Whether a write waits for a connection. One that is gone for good refuses it. */
function isBroken({ status }: RedisClient): boolean {
  return status !== 'ready' && status !== 'end';
}

function isStillMine({ life, done }: Outgoing): boolean {
  if (life.lives()) return true;
  done('lost');
  return false;
}

function byChannel(frames: readonly Outgoing[]): Iterable<readonly Outgoing[]> {
  const channels = new Map<string, Outgoing[]>();
  for (const frame of frames) {
    const some = channels.get(frame.place.channel);
    if (some === undefined) channels.set(frame.place.channel, [frame]);
    else some.push(frame);
  }
  return channels.values();
}
