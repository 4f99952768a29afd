import type { Redis } from 'ioredis';

/** The key with the time of the test, in milliseconds. */
export const NOW = 'test:now';

/** Scripts of this connection read the time of the test. */
export function withClock(redis: Redis): Redis {
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, { lua, ...more }) => {
    const clocked = lua.replace("redis.call('TIME')", `{ '0', 1000 * redis.call('GET', '${NOW}') }`);
    if (clocked === lua) throw new Error('expected a script that asks for the time');
    define(name, { lua: clocked, ...more });
  };
  return redis;
}
