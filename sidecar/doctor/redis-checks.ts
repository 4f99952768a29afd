import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { Settings } from '../settings';
import { probeChannel } from '../own-channels';
import { fails, holds, type Finding } from './finding';

/** How far this host's clock and that of Redis may be apart, in milliseconds: what an assertion's times may be off. */
export const MAX_CLOCK_SKEW_MS = 5000;

/** What the checks of Redis need of the settings. */
export type RedisCheckSettings = Pick<Settings, 'redisUrl' | 'redisTimeoutMs'>;

/** Whether Redis is there, has the same time, and delivers what is published. */
export async function checkRedis(
  { redisUrl, redisTimeoutMs }: RedisCheckSettings,
  now: () => number,
): Promise<readonly Finding[]> {
  const address = addressOf(redisUrl);
  const options = {
    lazyConnect: true,
    connectTimeout: redisTimeoutMs,
    commandTimeout: redisTimeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  };
  const commands = new Redis(redisUrl, options);
  const subscriber = new Redis(redisUrl, options);
  const reasons = [lastError(commands), lastError(subscriber)];
  try {
    await Promise.all([commands.connect(), subscriber.connect()]);
    const begun = now();
    await commands.ping();
    const found = holds('redis', `${address} answers in ${now() - begun} ms`);
    return [
      found,
      await checkClock(commands, now),
      await checkDelivery(commands, subscriber, redisTimeoutMs),
    ];
  } catch (error) {
    const [reason = (error as Error).message] = reasons.map((last) => last()).filter(isText);
    return [fails('redis', `${address} cannot be used (${reason})`, remedyFor(reason))];
  } finally {
    commands.disconnect();
    subscriber.disconnect();
  }
}

/** Host and port alone: the URL may hold a password. */
function addressOf(redisUrl: string): string {
  const { hostname, port } = new URL(redisUrl);
  return `${hostname}:${port === '' ? '6379' : port}`;
}

// ioredis rejects connect() with "Connection is closed." and tells the cause in an event.
function lastError(redis: Redis): () => string | undefined {
  let message: string | undefined;
  redis.on('error', (error) => {
    message = error.message;
  });
  return () => message;
}

function isText(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function remedyFor(reason: string): string {
  if (/NOAUTH|WRONGPASS/.test(reason)) return 'put the user and password of this Redis into REDIS_URL';
  if (reason.includes('NOPERM'))
    return "allow REDIS_URL's user to publish, and to subscribe to ws:* channels";
  return 'start Redis there, open the way to it, or set REDIS_URL';
}

async function checkClock(redis: Redis, now: () => number): Promise<Finding> {
  const before = now();
  const [seconds, microseconds] = await redis.time();
  const middle = (before + now()) / 2;
  const skewMs = Math.round(middle - (Number(seconds) * 1000 + Number(microseconds) / 1000));
  if (Math.abs(skewMs) <= MAX_CLOCK_SKEW_MS) return holds('clock', `${skewMs} ms from that of Redis`);
  return fails(
    'clock',
    `${skewMs} ms from that of Redis, expected at most ${MAX_CLOCK_SKEW_MS}`,
    'synchronise both hosts (NTP), or good tokens and assertions are refused',
  );
}

/** Publishes and must hear it: what no PING proves. */
async function checkDelivery(commands: Redis, subscriber: Redis, timeoutMs: number): Promise<Finding> {
  const channel = probeChannel(`doctor-${randomUUID()}`);
  await subscriber.subscribe(channel);
  const begun = performance.now();
  const heard = once(subscriber, 'message', { signal: AbortSignal.timeout(timeoutMs) });
  const [outcome] = await Promise.allSettled([heard, commands.publish(channel, channel)]);
  if (outcome.status === 'fulfilled') {
    return holds('delivery', `published and heard in ${Math.round(performance.now() - begun)} ms`);
  }
  return fails(
    'delivery',
    `what was published was not heard within ${timeoutMs} ms`,
    'let REDIS_URL name the node that services publish to, and its user read ws:* channels',
  );
}
