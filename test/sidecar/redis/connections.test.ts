import { pino } from 'pino';
import { disconnect, redisConnection } from '../../../sidecar/redis/connections';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { eventually } from '../fixture';
import { redisSubscriber } from '../../../sidecar/pubsub/gathered-subscriber';

const log = pino({ level: 'silent' });
const LONG_MS = 600_000;

let server: RedisServer;

beforeEach(async () => {
  server = await startRedis();
});
afterEach(async () => {
  await server.stop();
});

describe('a connection to Redis', () => {
  it('rejects a command while it is away, and does not send it later', async () => {
    const redis = redisConnection('commands', { redisUrl: server.url, redisTimeoutMs: LONG_MS }, log);
    await expect(redis.set('k', 'late')).rejects.toThrow("isn't writeable");
    await eventually(() => redis.status === 'ready');
    expect(await redis.get('k')).toBeNull();
    redis.disconnect();
  });

  it('rejects what is in flight when it is lost, at once, and does not send it again', async () => {
    const redis = redisConnection('commands', { redisUrl: server.url, redisTimeoutMs: LONG_MS }, log);
    await redis.connect();
    process.kill(server.pid, 'SIGSTOP');
    const [inFlight] = await Promise.allSettled([redis.set('k', 'late'), server.stop()]);
    expect(inFlight.status).toBe('rejected');
    await server.restart();
    await eventually(() => redis.status === 'ready');
    expect(await redis.get('k')).toBeNull();
    redis.disconnect();
  });

  it('rejects a command that is not answered in time', async () => {
    const redis = redisConnection('commands', { redisUrl: server.url, redisTimeoutMs: 500 }, log);
    await redis.connect();
    process.kill(server.pid, 'SIGSTOP');
    await expect(redis.get('k')).rejects.toThrow('Command timed out');
    process.kill(server.pid, 'SIGCONT');
    redis.disconnect();
  });

  it.each(['redis://app:@127.0.0.1', 'redis://:@127.0.0.1', 'redis://app@127.0.0.1', 'redis://127.0.0.1'])(
    'takes from the settings what %s leaves empty',
    async (redisUrl) => {
      const settings = { redisUrl, redisUsername: 'app', redisPassword: 'secret', redisTimeoutMs: LONG_MS };
      const redis = redisConnection('commands', settings, log);
      expect(redis.options).toMatchObject({ username: 'app', password: 'secret' });
      await disconnect(redis);
    },
  );

  it('that a subscriber gives up comes back, with no subscriptions of its own accord', async () => {
    const redis = redisConnection('subscriber', { redisUrl: server.url, redisTimeoutMs: LONG_MS }, log);
    const subscriber = redisSubscriber(redis);
    await redis.connect();
    await subscriber.subscribe(['a', 'b']);
    // It tells of the reason as an error.
    const ready = new Promise((resolve) => redis.once('ready', resolve));
    subscriber.reset();
    await ready;
    expect(await redis.pubsub('CHANNELS')).toEqual([]);
    redis.disconnect();
  });
});
