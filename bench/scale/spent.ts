import type { Redis } from 'ioredis';

/** CPU time in microseconds. */
export interface Spent {
  readonly redisUs: number;
  /** The time of this process, in which the bridge's parts are. */
  readonly bridgeUs: number;
}

/** Measures what one of `count` equal things costs, which `act` does. */
export async function spentOnEach(redis: Redis, count: number, act: () => Promise<unknown>): Promise<Spent> {
  const redisFromUs = await redisCpuUs(redis);
  const from = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(from);
  const redisUs = (await redisCpuUs(redis)) - redisFromUs;
  return { redisUs: redisUs / count, bridgeUs: (user + system) / count };
}

async function redisCpuUs(redis: Redis): Promise<number> {
  return parseRedisCpuUs(await redis.info('cpu'));
}

/** Reads the CPU time of a redis-server, user and system, from its INFO. */
export function parseRedisCpuUs(info: string): number {
  const seconds = ['used_cpu_sys', 'used_cpu_user'].map((name) =>
    Number(new RegExp(`^${name}:([\\d.]+)\\r?$`, 'm').exec(info)?.[1]),
  );
  return Math.round(seconds.reduce((sum, each) => sum + each, 0) * 1e6);
}
