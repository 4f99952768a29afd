import { cpuTimeUs } from './cpu-time';
import { thisMachine } from './machine';
import { median, type Figures } from './median';
import { benchCommand, count, type BenchOptions } from './options';
import type { Peer } from './peer';
import { bareWs } from './peers/bare-ws';
import { wsBridge } from './peers/ws-bridge';
import { profileFlags } from './profile';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';
import { clientPlans, onStage } from './stage';
import { chats, dashboard, type Topic } from './topic';

const COLUMNS: readonly Column[] = [
  { figure: 'perSecond', title: 'upgrades/s' },
  { figure: 'cpuUs', title: 'CPU µs/upgrade' },
  { figure: 'p50Ms', title: 'p50 ms' },
  { figure: 'p99Ms', title: 'p99 ms' },
  { figure: 'refused', title: 'refused' },
];
/** Storms that come first and do not count: in them the server's code is still being compiled. */
const WARM_UP_STORMS = 3;
/** Between two storms, for the server to notice that the last one's sockets are gone. */
const CALM_MS = 1000;

interface Storms {
  /** Sockets that connect at once. */
  readonly storm: number;
  /** Storms that count. */
  readonly storms: number;
}

void main();

async function main(): Promise<void> {
  const description = 'Many sockets at once, each with an assertion of its own: upgrades a second.';
  const options = benchCommand('connect', description, 0)
    .option('--storm <count>', 'sockets that connect at once', count, 1000)
    .option('--storms <count>', 'storms a trial', count, 4)
    .parse()
    .opts<BenchOptions & Storms>();
  const { rounds, storm, storms, profile } = options;
  const machine = thisMachine();
  const trials: readonly (readonly [string, Peer, readonly Topic[]])[] = [
    ['ws and jose, nothing else', bareWs('jose'), [dashboard('bench')]],
    ["ws and the bridge's verification, nothing else", bareWs('bridge'), [dashboard('bench')]],
    ['ws-bridge, one dashboard', wsBridge('plain'), [dashboard('bench')]],
    ['ws-bridge, a chat each', wsBridge('plain'), chats(storm)],
    ['ws-bridge, a chat each, bridge.v1', wsBridge('bridge.v1'), chats(storm)],
  ];
  const contestants = trials.map(([name, peer, topics]) => ({
    name,
    run: () => connectTrial(peer, topics, { storm, storms }, profileFlags(profile)),
  }));
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`connect, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  console.log(
    report({ bench: 'connect', machine, settings: { rounds, storm, storms }, results, columns: COLUMNS }),
  );
}

/** Lets one storm after the other come over a server; the medians of the storms are its figures. */
function connectTrial(
  peer: Peer,
  topics: readonly Topic[],
  { storm, storms }: Storms,
  nodeFlags: readonly string[],
): Promise<Figures> {
  return onStage(peer, nodeFlags, async ({ server, load }) => {
    const seen: Record<string, number[]> = { perSecond: [], cpuUs: [], p50Ms: [], p99Ms: [], refused: [] };
    for (let number = 1 - WARM_UP_STORMS; number <= storms; number += 1) {
      const clients = await clientPlans(peer, topics, { port: server.port, sockets: storm });
      const before = cpuTimeUs(server.pid);
      const { open, seconds, p50Ms, p99Ms, refusals } = await load.call('open', { clients, atOnce: storm });
      server.expectRunning();
      const cpuUs = (cpuTimeUs(server.pid) - before) / open;
      if (refusals.length > 0) progress(`refused: ${refusals.join(', ')}`);
      await load.call('leave', undefined);
      await new Promise((resolve) => setTimeout(resolve, CALM_MS));
      if (number < 1) continue;
      const figures: Figures = { perSecond: open / seconds, cpuUs, p50Ms, p99Ms, refused: storm - open };
      for (const [name, values] of Object.entries(seen)) values.push(figures[name] ?? NaN);
    }
    return Object.fromEntries(Object.entries(seen).map(([name, values]) => [name, median(values)]));
  });
}
