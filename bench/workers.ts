import { cpuTimeUs } from './cpu-time';
import { thisMachine } from './machine';
import type { Figures } from './median';
import { offerMessages } from './offer';
import { benchCommand, count, type BenchOptions } from './options';
import { wsBridge } from './peers/ws-bridge';
import { processTree } from './process-tree';
import { profileFlags } from './profile';
import { feedOf } from './relay-trial';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';
import { clientPlans, onStage, type Stage } from './stage';
import { dashboard } from './topic';
import { writeCalls } from './write-calls';

const COLUMNS: readonly Column[] = [
  { figure: 'upgradeUs', title: 'CPU µs/upgrade' },
  { figure: 'primaryUpgradeUs', title: 'of it the primary' },
  { figure: 'upgradesPerSecond', title: 'upgrades/s' },
  { figure: 'frameUs', title: 'CPU µs/frame', digits: 2 },
  { figure: 'framesPerSecond', title: 'frames/s' },
  { figure: 'framesPerWrite', title: 'frames a write', digits: 2 },
  { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
  { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
  { figure: 'lost', title: 'lost' },
  { figure: 'redisCores', title: 'Redis cores', digits: 2 },
];
const TOPIC = dashboard('bench');
/** Storms that do not count, for each worker: in them its code is compiled. */
const WARM_UP_STORMS = 4;
const WARM_UP_SECONDS = 2;
/** Between two storms, for the server to notice that the last one's sockets are gone. */
const CALM_MS = 1000;

interface WorkersOptions extends BenchOptions {
  readonly workers: number;
  readonly sockets: number;
  readonly messagesPerSecond: number;
  readonly storms: number;
  readonly only?: string;
}

/** One bridge that is measured. */
interface Plan extends Pick<
  WorkersOptions,
  'workers' | 'sockets' | 'messagesPerSecond' | 'storms' | 'seconds'
> {
  readonly nodeFlags: readonly string[];
}

void main();

async function main(): Promise<void> {
  const description = 'A bridge of several workers beside one of one: the CPU time of all its processes.';
  const options = benchCommand('workers', description, 4)
    .option('--workers <count>', 'so many workers', count, 2)
    .option('--sockets <count>', 'at a dashboard', count, 1000)
    .option('--messages-per-second <count>', 'to all of them', count, 100)
    .option('--storms <count>', 'of all sockets at once, that count', count, 4)
    .option('--only <text>', 'picks rows')
    .parse()
    .opts<WorkersOptions>();
  const { rounds, workers, sockets, messagesPerSecond, storms, seconds, profile, only = '' } = options;
  const machine = thisMachine();
  const plan: Plan = { ...options, nodeFlags: profileFlags(profile) };
  const contestants = [
    { name: 'one worker', run: () => trial({ ...plan, workers: 1 }) },
    { name: `${workers} workers, as many sockets`, run: () => trial(plan) },
    {
      name: `${workers} workers, ${workers} times the sockets`,
      run: () => trial({ ...plan, sockets: sockets * workers }),
    },
  ].filter(({ name }) => name.includes(only));
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`workers, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  const settings = { rounds, sockets, messagesPerSecond, storms, seconds };
  console.log(report({ bench: 'workers', machine, settings, results, columns: COLUMNS }));
}

/** Storms of upgrades, and then messages to the sockets of one more. */
function trial(plan: Plan): Promise<Figures> {
  return onStage(wsBridge('plain', plan.workers), plan.nodeFlags, async (stage) => {
    for (let storm = 0; storm < WARM_UP_STORMS * plan.workers; storm += 1)
      await storms(stage, 1, plan.sockets);
    return { ...(await storms(stage, plan.storms, plan.sockets)), ...(await frames(stage, plan)) };
  });
}

async function storms({ server, load }: Stage, number: number, sockets: number): Promise<Figures> {
  const spent = { all: 0, primary: 0, seconds: 0 };
  for (let storm = 0; storm < number; storm += 1) {
    const clients = await clientPlans(wsBridge('plain'), [TOPIC], { port: server.port, sockets });
    const before = cpuOf(server.pid);
    const { open, seconds, refusals } = await load.call('open', { clients, atOnce: sockets });
    const after = cpuOf(server.pid);
    if (open < sockets) throw new Error(`refused: ${refusals.join(', ')}`);
    spent.all += after.all - before.all;
    spent.primary += after.primary - before.primary;
    spent.seconds += seconds;
    await load.call('leave', undefined);
    await new Promise((resolve) => setTimeout(resolve, CALM_MS));
  }
  const upgrades = number * sockets;
  return {
    upgradeUs: spent.all / upgrades,
    primaryUpgradeUs: spent.primary / upgrades,
    upgradesPerSecond: upgrades / spent.seconds,
  };
}

async function frames({ server, redis, load, worker }: Stage, plan: Plan): Promise<Figures> {
  const peer = wsBridge('plain');
  const { sockets, messagesPerSecond, seconds } = plan;
  const clients = await clientPlans(peer, [TOPIC], { port: server.port, sockets });
  const feed = feedOf(peer, [TOPIC], { redisPort: redis.port, port: server.port });
  const processes = { server: [server.pid], redis: [redis.pid] };
  const fromCalls = writeCalls(server.pid);
  const { counts, spent } = await offerMessages(
    { load, worker, clients, feed, processes },
    { topics: [TOPIC], sockets, messagesPerSecond, warmupSeconds: WARM_UP_SECONDS, seconds },
  );
  // With those of warming up and of connecting, of which there are few.
  const calls = writeCalls(server.pid) - fromCalls;
  const framesPerSecond = counts.delivered / seconds;
  return {
    frameUs: spent.cpuUs.server / counts.delivered,
    framesPerSecond,
    framesPerWrite: (framesPerSecond * (seconds + WARM_UP_SECONDS)) / calls,
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    lost: counts.lost,
    redisCores: spent.cpuUs.redis / spent.us,
  };
}

/** The CPU time of a bridge, and of its primary in it; in one process that is all of it. */
function cpuOf(pid: number): { readonly all: number; readonly primary: number } {
  return { all: processTree(pid).reduce((sum, each) => sum + cpuTimeUs(each), 0), primary: cpuTimeUs(pid) };
}
