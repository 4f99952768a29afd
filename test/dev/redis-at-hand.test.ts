import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { awaitRedis } from '../../dev/redis-at-hand';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { freePortsInARow } from './free-ports';

/** Short, and longer than it takes until something is said. */
const PATIENCE_MS = 1_000;
/** For one that answers, on a slow machine too. */
const LONG_MS = 20_000;

let redis: RedisServer | undefined;
let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  await redis?.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  redis = server = undefined;
});

async function messageOf(url: string, said: string[] = [], patienceMs = PATIENCE_MS): Promise<string> {
  return awaitRedis(url, (line) => said.push(line), patienceMs).then(
    () => '',
    (cause: unknown) => (cause as Error).message,
  );
}

describe('a Redis that npm start is told of', () => {
  it('is taken when it answers', async () => {
    redis = await startRedis();
    expect(await messageOf(redis.url, [], LONG_MS)).toBe('');
  });

  it('is waited for, so long as is said, when nothing listens', async () => {
    const said: string[] = [];
    const [port = 0] = await freePortsInARow(1);
    expect(await messageOf(`redis://:sesame@127.0.0.1:${port}/2`, said)).toBe(
      `Redis at 127.0.0.1:${port} (REDIS_URL): not there after 1 seconds: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    expect(said).toEqual([`waiting for Redis at 127.0.0.1:${port} (REDIS_URL), 1 seconds at most`]);
  });

  it('is given up when it takes the connection and says nothing', async () => {
    server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await messageOf(`redis://127.0.0.1:${port}`)).toBe(
      `Redis at 127.0.0.1:${port} (REDIS_URL): not there after 1 seconds: it does not answer`,
    );
  });

  it('is given up at once when it wants another password, which is not quoted', async () => {
    redis = await startRedis((port) => ['--port', `${port}`, '--requirepass', 'open']);
    const message = await messageOf(redis.url.replace('redis://', 'redis://:sesame@'), [], LONG_MS);
    expect(message).toMatch(/\(REDIS_URL\): WRONGPASS /);
    expect(message).not.toContain('sesame');
  });

  it.each([
    ['127.0.0.1:6379', /^REDIS_URL: expected redis:\/\/.*rediss:\/\/$/],
    ['http://:sesame@127.0.0.1', /^REDIS_URL: expected redis:\/\/.*rediss:\/\/$/],
    [
      'redis+cluster://:sesame@127.0.0.1:7000',
      /^REDIS_URL: expected .*; got the cluster of 127\.0\.0\.1:7000$/,
    ],
    ['redis+sentinel://127.0.0.1/mymaster', /; got master mymaster of the sentinels 127\.0\.0\.1:26379$/],
  ])('is refused when its URL is %s', async (url, expected) => {
    const message = await messageOf(url);
    expect(message).toMatch(expected);
    expect(message).not.toContain('sesame');
  });
});
