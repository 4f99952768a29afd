import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { NodeConnector } from '../../redis/node-connector';
import { LiveSentinelConnector } from '../../redis/sentinel-connector';
import { makeOwnFolder } from './own-folder';
import { onFreePort, runRedis, type RedisProcess } from './redis-process';
import { startRedis, type RedisServer } from './redis-server';

/** After which a master that does not answer counts as down. */
export const DOWN_AFTER_MS = 1000;
/** The same of a master that is to be steady, and how long its answers may take. */
const STEADY_MS = 10_000;
const SENTINELS = 3;
const QUORUM = 2;
const ROUND_MS = 25;
const MASTER_NAME = 'mymaster';

/** A real master with a replica, watched by three sentinels, on 127.0.0.1. */
export interface SentinelSetup {
  /** `redis+sentinel://…/mymaster` */
  readonly url: string;
  readonly servers: readonly RedisServer[];
  /** A connection to each sentinel, as the user who may do all. */
  readonly sentinels: readonly Redis[];
  /** A client for the test, which the sentinels lead to the master. */
  readonly client: Redis;
  /** The server that the sentinels name as the master, once they agree. */
  master(): Promise<RedisServer>;
  /** Does as `SENTINEL FAILOVER` does. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts them and resolves once the sentinels know one another and the replica.
 * @param isSteady whether the master is not to fail: it is not taken for failed on a noisy machine then
 */
export async function startSentinels({ isSteady = false } = {}): Promise<SentinelSetup> {
  const folder = makeOwnFolder('redis-sentinel-');
  const atOnce = ['--repl-diskless-sync-delay', '0'];
  const first = await startRedis((port) => ['--port', `${port}`, ...atOnce]);
  const second = await startRedis((port) => [
    ...['--port', `${port}`, '--replicaof', '127.0.0.1', `${first.port}`, ...atOnce],
  ]);
  await replicated(second);
  const servers = [first, second];
  const processes: RedisProcess[] = [];
  const sentinels: Redis[] = [];
  for (let count = 0; count < SENTINELS; count += 1) {
    const port = await onFreePort(async (tried) => {
      processes.push(await runSentinel(folder.path, tried, first.port, isSteady ? STEADY_MS : DOWN_AFTER_MS));
      return tried;
    });
    sentinels.push(
      new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null, Connector: NodeConnector }),
    );
  }
  for (const sentinel of sentinels) {
    sentinel.on('error', () => undefined);
    while (!(await knowsAll(sentinel))) await sleep(ROUND_MS);
  }
  const ports = sentinels.map(({ options }) => options.port ?? 0);
  const client = new Redis({
    sentinels: ports.map((port) => ({ host: '127.0.0.1', port })),
    name: MASTER_NAME,
    Connector: LiveSentinelConnector,
    commandTimeout: isSteady ? STEADY_MS : 500,
    failoverDetector: true,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => 50,
  });
  client.on('error', () => undefined);
  // It ends for good when a failover is announced while it asks for the master.
  client.on('end', () => void client.connect().catch(() => undefined));
  while (client.status !== 'ready') await sleep(ROUND_MS);
  return {
    url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${MASTER_NAME}`,
    servers,
    sentinels,
    client,
    master: async () => {
      for (;;) {
        const named = await Promise.all(sentinels.map(masterPort));
        const server = servers.find(({ port }) => named.every((one) => one === port));
        if (server !== undefined) return server;
        await sleep(ROUND_MS);
      }
    },
    failOver: async () => {
      // Refused while the failover before it counts as recent.
      for (;;) {
        const answer = await sentinels[0]?.call('SENTINEL', 'FAILOVER', MASTER_NAME).catch(() => undefined);
        if (answer !== undefined) return;
        await sleep(ROUND_MS);
      }
    },
    stop: async () => {
      client.removeAllListeners('end');
      client.disconnect();
      for (const sentinel of sentinels) sentinel.disconnect();
      await Promise.all(processes.map((process) => process.kill()));
      await Promise.all(servers.map((server) => server.stop()));
      await folder.remove();
    },
  };
}

/** Resolves once the replica has what its master has: one that is promoted before that has nothing. */
async function replicated(replica: RedisServer): Promise<void> {
  const client = new Redis(replica.url);
  while (!(await client.info('replication')).includes('master_link_status:up')) await sleep(ROUND_MS);
  client.disconnect();
}

async function runSentinel(
  folder: string,
  port: number,
  masterPort: number,
  downAfterMs: number,
): Promise<RedisProcess> {
  const file = join(folder, `sentinel-${port}.conf`);
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return runRedis([file, '--sentinel'], folder, '+monitor master');
}

async function knowsAll(sentinel: Redis): Promise<boolean> {
  const text = await sentinel.info('sentinel');
  return text.includes(`slaves=1,sentinels=${SENTINELS}`);
}

async function masterPort(sentinel: Redis): Promise<number> {
  const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)) as string[];
  return Number(port);
}
