import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KongWorker } from '../../fakes/kong-worker';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { rawConfig, signToken } from '../fixture';

const LIMIT = 20;
const TIMEOUT_MS = 200;
const CONCURRENT = 25;

let folder: string;
let path: string;
let redis: RedisServer;
let gatekeeper: ChildProcess;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  path = join(folder, 'gk.sock');
  redis = await startRedis();
  const bin = join(__dirname, '../../../dist/plugin/bin/ws-gatekeeper.js');
  gatekeeper = spawn(process.execPath, [bin, '--socket', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => {
    if (gatekeeper.stdout === null) throw new Error('no stdout');
    createInterface({ input: gatekeeper.stdout }).on('line', (line) => {
      if (line.includes('"listening"')) resolve();
    });
  });
});
afterAll(async () => {
  const ended = once(gatekeeper, 'exit');
  gatekeeper.kill('SIGTERM');
  await ended;
  await redis.stop();
  rmSync(folder, { recursive: true });
});

it('Redis stopped, hung and restarted during 2,000 upgrades: each is answered, the limit holds, and Redis is used again', async () => {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iat: now, exp: now + 900 };
  const [limited, other] = [
    await signToken(claims),
    (n: number) => signToken({ ...claims, tenant_id: `t${n}` }),
  ];
  const kong = new KongWorker(
    path,
    rawConfig({
      rate_limits: [{ by: 'tenant', limit: 1, window_size: 3600, burst: LIMIT - 1, paths: [], tiers: {} }],
      revocation: { enabled: true, key_prefix: 'blacklist:', fault_tolerant: true },
      redis: { ...(rawConfig()['redis'] as object), url: redis.url, timeout: TIMEOUT_MS },
    }),
  );
  let admitted = 0;
  let slowestMs = 0;
  const outcomes = new Set<number | undefined>();
  const upgrade = async (token: string): Promise<number | undefined> => {
    const begun = performance.now();
    const { status } = await kong.upgrade({ upgrade: 'websocket', authorization: `Bearer ${token}` });
    slowestMs = Math.max(slowestMs, performance.now() - begun);
    outcomes.add(status);
    return status;
  };
  const upgrades = async (count: number): Promise<void> => {
    let left = count;
    const worker = async (): Promise<void> => {
      while ((left -= 1) >= 0) if ((await upgrade(limited)) === undefined) admitted += 1;
    };
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
  };

  await upgrade(limited).then((status) => (admitted += status === undefined ? 1 : 0));
  await upgrades(400);
  const during = upgrades(300);
  await redis.stop();
  await during;
  await upgrades(300);
  await redis.restart();
  await upgrades(300);
  process.kill(redis.pid, 'SIGSTOP');
  await upgrades(400);
  process.kill(redis.pid, 'SIGCONT');
  await upgrades(300);

  expect([...outcomes].sort()).toEqual([429, undefined]);
  // Once in Redis, once in memory, and once more in the Redis that came back empty.
  expect(admitted).toBeGreaterThanOrEqual(LIMIT);
  expect(admitted).toBeLessThanOrEqual(3 * LIMIT);
  process.stdout.write(`slowest answer ${slowestMs.toFixed(0)} ms with a timeout of ${TIMEOUT_MS} ms\n`);

  // Back to Redis by itself: another client sees the gatekeeper's key appear.
  const { Redis } = await import('ioredis');
  const observer = new Redis(redis.url);
  for (let n = 0; (await observer.keys('ws-gatekeeper:rl:{t*')).length === 0; n += 1)
    await upgrade(await other(n));
  observer.disconnect();
  kong.close();
}, 120_000);
