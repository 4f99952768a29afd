import { afterEach, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from './redis-server';

let servers: RedisServer[] = [];
afterEach(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  servers = [];
});

async function start(): Promise<RedisServer> {
  const server = await startRedis();
  servers.push(server);
  return server;
}

/** Where a server looks for a dump.rdb when it starts. */
async function folderOf({ url }: RedisServer): Promise<string> {
  const redis = new Redis(url);
  const [, folder = ''] = await redis.config('GET', 'dir');
  redis.disconnect();
  return folder;
}

describe("a test's Redis", () => {
  it('has a folder of its own, so that it loads no dump.rdb that another one left', async () => {
    const [one, other] = [await folderOf(await start()), await folderOf(await start())];
    expect(one).not.toBe(other);
    for (const folder of [one, other]) {
      expect(dirname(folder)).toBe(realpathSync(tmpdir()));
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('has another folder after a restart, and leaves none when it has stopped', async () => {
    const server = await start();
    const before = await folderOf(server);
    await server.restart();
    const after = await folderOf(server);
    expect(after).not.toBe(before);
    await server.stop();
    expect([before, after].filter((folder) => existsSync(folder))).toEqual([]);
  });
});
