import { join } from 'node:path';
import { Command } from 'commander';
import { thisMachine } from './machine';
import { count } from './options';
import { ROOT } from './peers/node-server';
import {
  firstTryInStock,
  gatekeeper,
  gatekeeperInStock,
  type PluginServerPlan,
} from './plugin-servers/plans';
import { pluginServerTrial, type Work } from './plugin-servers/trial';
import { profileFlags } from './profile';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';

const COLUMNS: readonly Column[] = [
  { figure: 'perSecond', title: 'decisions/s' },
  { figure: 'cpuUs', title: 'CPU µs/decision' },
  { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
  { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
  { figure: 'pdkCalls', title: 'PDK calls', digits: 1 },
  { figure: 'arrivals', title: 'round trips', digits: 1 },
  { figure: 'refused', title: 'refused' },
  { figure: 'serverCores', title: 'cores', digits: 2 },
  { figure: 'redisCores', title: 'Redis cores', digits: 2 },
  { figure: 'loadCores', title: 'load cores', digits: 2 },
];

interface Options extends Work {
  readonly rounds: number;
  readonly only?: string;
  readonly beside?: string;
  readonly workers: number;
  readonly profile?: string;
}

void main();

async function main(): Promise<void> {
  const options = new Command('bench:plugin-server')
    .description(
      "Decisions over the plugin server's Unix socket, asked for as Kong does; Redis is a real one.",
    )
    .option('--rounds <count>', 'rounds, of which the medians count', count, 3)
    .option('--seconds <count>', 'measured seconds a trial', count, 4)
    .option('--users <count>', 'users, each with a token of its own, in turn', count, 1000)
    .option('--in-flight <count>', 'decisions that Kong waits for at any time', count, 32)
    .option('--only <text>', 'only those whose name has this text')
    .option('--beside <folder>', 'dist/ of another build of ws-gatekeeper, to be measured beside this one')
    .option('--workers <count>', 'ws-gatekeeper with so many workers is measured as well', count, 2)
    .option('--profile <folder>', 'write CPU profiles of the servers there')
    .parse()
    .opts<Options>();
  const { rounds, seconds, users, inFlight, only = '', profile } = options;
  const machine = thisMachine();
  const contestants = plans(options)
    .filter(({ name }) => name.includes(only))
    .map((plan) => ({
      name: plan.name,
      run: () => pluginServerTrial(plan, { users, inFlight, seconds }, profileFlags(profile)),
    }));
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`plugin-server, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  const settings = { rounds, seconds, users, inFlight };
  console.log(report({ bench: 'plugin-server', machine, settings, results, columns: COLUMNS }));
}

function plans({ users, beside, workers }: Options): PluginServerPlan[] {
  const dist = join(ROOT, 'dist');
  return [
    gatekeeper('known tokens: ws-gatekeeper', dist, users),
    ...(beside === undefined
      ? []
      : [gatekeeper('known tokens: ws-gatekeeper, the other build', beside, users)]),
    gatekeeper(`known tokens: ws-gatekeeper --workers ${workers}`, dist, users, workers),
    gatekeeperInStock('known tokens: the same plugin in kong-js-pluginserver', dist, users),
    gatekeeper('new tokens: ws-gatekeeper', dist, 0),
    ...(beside === undefined ? [] : [gatekeeper('new tokens: ws-gatekeeper, the other build', beside, 0)]),
    gatekeeper(`new tokens: ws-gatekeeper --workers ${workers}`, dist, 0, workers),
    gatekeeperInStock('new tokens: the same plugin in kong-js-pluginserver', dist, 0),
    firstTryInStock('new tokens: a first try (no assertion) in kong-js-pluginserver'),
  ];
}
