import { isCluster, type RedisClient } from '../redis/client';
import type { Life } from './life';

/** A frame on its way. */
export interface Outgoing {
  readonly channel: string;
  readonly text: string;
  /** Looked at right before the write: a worker that was paused since sends nothing. */
  readonly life: Pick<Life, 'lives'>;
  /** Called once Redis confirmed or refused it, or once it was held back. */
  readonly done: (refused: Error | undefined) => void;
}

/** Publishes the frames of one turn of the event loop in one pipeline; in a cluster, in one for each channel. */
export class Outbox {
  readonly #redis: RedisClient;
  #waiting: Outgoing[] = [];

  constructor(redis: RedisClient) {
    this.#redis = redis;
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
    if (frames.length === 0) return;
    if (!isCluster(this.#redis)) {
      void this.#publish(frames, 'publish');
      return;
    }
    for (const some of byChannel(frames)) void this.#publish(some, 'spublish');
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

  async #publish(frames: readonly Outgoing[], verb: 'publish' | 'spublish'): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (const { channel, text } of frames) pipeline[verb](channel, text);
    try {
      const replies = await pipeline.exec();
      frames.forEach(({ done }, i) => {
        const refused = replies?.[i]?.[0];
        done(refused ?? undefined);
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
  done(new Error('others have the answer by now'));
  return false;
}

function byChannel(frames: readonly Outgoing[]): Iterable<readonly Outgoing[]> {
  const channels = new Map<string, Outgoing[]>();
  for (const frame of frames) {
    const some = channels.get(frame.channel);
    if (some === undefined) channels.set(frame.channel, [frame]);
    else some.push(frame);
  }
  return channels.values();
}
