import { Socket } from 'node:net';
import { afterEach, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { parseConfig } from '../../../plugin/config/parse';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import { startRedis } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';

afterEach(() => {
  jest.restoreAllMocks();
});

it('what is asked in one turn of the event loop leaves in one write', async () => {
  const server = await startRedis();
  try {
    const { redis: settings } = (await parseConfig(rawConfig())).config;
    const redis = redisFor({ ...settings, url: server.url, timeoutMs: 10_000 }, pino({ level: 'silent' }));
    await redis.gcra(['warm'], [1, 1]);
    const one = jest.spyOn(Socket.prototype, '_write');
    const many = jest.spyOn(Socket.prototype, '_writev');
    const users = Array.from({ length: 20 }, (_, number) => `u${number}`);
    const answers = await Promise.all(
      users.flatMap((user) => [redis.gcra([user], [1_000_000, 1]), redis.exists(user)]),
    );
    expect(answers).toHaveLength(40);
    // A busy machine gives the connection time for a PING of its own.
    const questions = one.mock.calls.filter(([chunk]) => /evalsha|exists/i.test(String(chunk)));
    expect([questions.length, many.mock.calls.length]).toEqual([1, 0]);
  } finally {
    closeRedisConnections();
    await server.stop();
  }
});

it('an answer that came while the gatekeeper itself was busy past its deadline counts', async () => {
  const server = await startRedis();
  try {
    const { redis: settings } = (await parseConfig(rawConfig())).config;
    const redis = redisFor({ ...settings, url: server.url, timeoutMs: 1000 }, pino({ level: 'silent' }));
    await redis.exists('warm');
    const answer = redis.exists('k');
    // The question leaves at the end of this turn.
    await new Promise(setImmediate);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200);
    expect(await answer).toBe(false);
  } finally {
    closeRedisConnections();
    await server.stop();
  }
});

it('the first connection of a gatekeeper that is busy with its first upgrades is waited for', async () => {
  const server = await startRedis();
  try {
    const { redis: settings } = (await parseConfig(rawConfig())).config;
    const redis = redisFor({ ...settings, url: server.url, timeoutMs: 1000 }, pino({ level: 'silent' }));
    const answers = Promise.all(['a', 'b'].map((key) => redis.exists(key)));
    for (let stall = 0; stall < 3; stall += 1) {
      await new Promise(setImmediate);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1100);
    }
    expect(await answers).toEqual([false, false]);
  } finally {
    closeRedisConnections();
    await server.stop();
  }
});

it('a Redis that does not answer in time is left at once, and the log says why', async () => {
  const server = await startRedis();
  const lines: string[] = [];
  try {
    const { redis: settings } = (await parseConfig(rawConfig())).config;
    const log = pino({}, { write: (line: string) => lines.push(line) });
    const redis = redisFor({ ...settings, url: server.url, timeoutMs: 1000 }, log);
    await redis.exists('warm');
    process.kill(server.pid, 'SIGSTOP');
    await expect(redis.exists('k')).rejects.toThrow('Command timed out');
    await new Promise(setImmediate);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ msg: 'redis connection lost', reason: 'it did not answer for 1000 ms' }),
    );
  } finally {
    process.kill(server.pid, 'SIGCONT');
    closeRedisConnections();
    await server.stop();
  }
});
