import type { Redis } from 'ioredis';
import { PushReader, type PushListener } from './resp-reader';

/**
 * Hands the messages of a connection's channels to `onMessage` as they are read, past ioredis, which gets the rest
 * of what Redis sends: half of a message's cost is in ioredis's making of replies and events.
 */
export function tapMessages(redis: Redis, onMessage: PushListener['message']): void {
  // ioredis listens to the new stream by now, and nothing was read from it yet.
  redis.on('connect', () => {
    const { stream } = redis;
    const listeners = stream.listeners('data');
    stream.removeAllListeners('data');
    const reader = new PushReader({
      message: onMessage,
      others: (bytes) => {
        for (const listener of listeners) Reflect.apply(listener, stream, [bytes]);
      },
    });
    stream.on('data', (chunk: Buffer) => {
      reader.read(chunk);
    });
  });
}
