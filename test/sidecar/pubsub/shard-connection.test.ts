import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { ShardConnection } from '../../../sidecar/pubsub/shard-connection';
import { RedisNames } from '../../../sidecar/redis/names';

/** A connection to a master that is there. */
class FakeRedis extends EventEmitter {
  readonly status = 'ready';
  readonly destroyed: string[] = [];
  readonly stream = {
    destroy: (error: Error) => void this.destroyed.push(error.message),
  };
}

let redis: FakeRedis;
beforeEach(() => {
  redis = new FakeRedis();
  const nothing = (): void => undefined;
  new ShardConnection({
    redis: redis as unknown as Redis,
    probeId: 'b',
    names: new RedisNames(''),
    publish: () => Promise.resolve(1),
    onProbe: nothing,
    probeIntervalMs: 1000,
    probeTimeoutMs: 1000,
    events: { ready: nothing, closed: nothing, moved: nothing, doubted: nothing, message: nothing },
    log: pino({ level: 'silent' }),
  });
});

describe("a shard's connection", () => {
  it('is given up once answers went to the wrong commands, since what is subscribed is not known then', () => {
    redis.emit('error', new Error('connect ECONNREFUSED 127.0.0.1:6379'));
    const queue = 'Command queue state error. If you can reproduce this, please report it.';
    redis.emit('error', new Error(`${queue} Last error: MOVED 1 127.0.0.1:1`));
    expect(redis.destroyed).toEqual([]);
    redis.emit('error', new Error(`${queue} Last reply: PONG`));
    expect(redis.destroyed).toEqual(['its subscriptions are not what they should be']);
  });
});
