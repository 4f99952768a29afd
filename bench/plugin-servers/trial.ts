import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueToken } from '../../dev/issue-token';
import { clockUs } from '../clock';
import { cpuTimeUs } from '../cpu-time';
import { processTree } from '../process-tree';
import type { KongCalls } from '../kong/calls';
import type { Upgrade } from '../kong/worker';
import type { Figures } from '../median';
import { privateRedis } from '../private-redis';
import { ServerProcess } from '../server-process';
import { Worker } from '../worker';
import { TOKEN_SECRET } from './config';
import type { PluginServerPlan } from './plans';

/** The load that a plugin server is put to. */
export interface Work {
  /** Users, each with a token of its own, asked about in turn. */
  readonly users: number;
  /** Decisions that Kong waits for at any time. */
  readonly inFlight: number;
  readonly seconds: number;
}

/** The first decisions of each process: in them its code is compiled. */
const WARMUP_DECISIONS = 4000;
const USERS_PER_TENANT = 10;
const TOKEN_SECONDS = 900;

/** Starts a plugin server with a Redis of its own, has it decide, and counts. */
export async function pluginServerTrial(
  plan: PluginServerPlan,
  work: Work,
  nodeFlags: readonly string[],
): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'ws-bridge-bench-'));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true })];
  try {
    const redis = await privateRedis(folder);
    stops.push(() => redis.stop());
    const place = { folder, redisPort: redis.port, nodeFlags };
    const server = await ServerProcess.start({ ...plan.server(place), logFile: join(folder, 'server.log') });
    stops.push(() => server.stop());
    const kong = new Worker<KongCalls>(join(__dirname, '../kong/main.js'));
    stops.push(() => kong.stop());
    await kong.call('start', plan.instance(place));
    return await measure({ redis, server, kong }, work, plan.workers * WARMUP_DECISIONS);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

interface Players {
  readonly redis: ServerProcess;
  readonly server: ServerProcess;
  readonly kong: Worker<KongCalls>;
}

async function measure(
  players: Players,
  { users, inFlight, seconds }: Work,
  decisions: number,
): Promise<Figures> {
  const upgrades = await upgradesOf(users);
  await players.kong.call('warmUp', { upgrades, inFlight, decisions });
  const before = times(players);
  const endUs = before.clock + seconds * 1_000_000;
  const answers = await players.kong.call('storm', { upgrades, inFlight, endUs });
  const after = times(players);
  players.server.expectRunning();
  await players.kong.call('leave', undefined);
  const { decided, ...others } = answers;
  const spentUs = after.clock - before.clock;
  return {
    ...others,
    perSecond: (decided * 1_000_000) / spentUs,
    cpuUs: (after.server - before.server) / decided,
    serverCores: (after.server - before.server) / spentUs,
    redisCores: (after.redis - before.redis) / spentUs,
    loadCores: (after.kong - before.kong) / spentUs,
  };
}

function times({ redis, server, kong }: Players) {
  return {
    clock: clockUs(),
    // With its workers.
    server: processTree(server.pid).reduce((sum, pid) => sum + cpuTimeUs(pid), 0),
    redis: cpuTimeUs(redis.pid),
    kong: cpuTimeUs(kong.pid),
  };
}

/** Upgrades as a browser's, each with the token of another user. */
async function upgradesOf(users: number): Promise<Upgrade[]> {
  const now = Math.floor(Date.now() / 1000);
  const upgrade = async (number: number): Promise<Upgrade> => {
    const tenant = `t${Math.floor(number / USERS_PER_TENANT)}`;
    const whom = { tenant, user: `u${number}`, roles: ['analyst', 'admin'], ttlSeconds: TOKEN_SECONDS };
    return {
      host: 'gateway.example',
      connection: 'Upgrade',
      upgrade: 'websocket',
      origin: 'https://app.example',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
      accept: '*/*',
      'accept-encoding': 'gzip, deflate, br',
      'accept-language': 'en-US,en;q=0.5',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
      authorization: `Bearer ${await issueToken(whom, TOKEN_SECRET, now)}`,
    };
  };
  return Promise.all(Array.from({ length: users }, (_, number) => upgrade(number)));
}
