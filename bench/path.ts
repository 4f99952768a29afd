import { Command, Option } from 'commander';
import { thisMachine } from './machine';
import type { Figures } from './median';
import type { Offer } from './offer';
import { count } from './options';
import { PATH_PEERS } from './path/behind-gateway';
import { CHAINS } from './path/chains';
import { decisionsTrial } from './path/decisions-trial';
import { framesTrial } from './path/frames-trial';
import type { Gateway } from './path/gateway';
import { GATEWAY_NAMES, gatewayFor, type GatewayName } from './path/gateways';
import { upgradesTrial, type Waves } from './path/upgrades-trial';
import type { Peer } from './peer';
import { profileFlags } from './profile';
import { brief, progress, report, type Column } from './report';
import { runRounds, type Contestant } from './rounds';
import { chats, dashboard } from './topic';

const UPGRADE_COLUMNS: readonly Column[] = [
  { figure: 'perSecond', title: 'upgrades/s' },
  { figure: 'p50Ms', title: 'p50 ms' },
  { figure: 'p99Ms', title: 'p99 ms' },
  { figure: 'refused', title: 'refused' },
  { figure: 'gatewayUs', title: 'gateway µs' },
  { figure: 'gatekeeperUs', title: 'gatekeeper µs' },
  { figure: 'bridgeUs', title: 'bridge µs' },
  { figure: 'redisUs', title: 'Redis µs' },
  { figure: 'loadCores', title: 'load cores', digits: 2 },
];
const DECISION_COLUMNS: readonly Column[] = [
  { figure: 'perSecond', title: 'decisions/s' },
  { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
  { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
  { figure: 'refused', title: 'refused' },
  { figure: 'gatewayUs', title: 'gateway µs' },
  { figure: 'gatekeeperUs', title: 'gatekeeper µs' },
  { figure: 'redisUs', title: 'Redis µs' },
  { figure: 'togetherUs', title: 'together µs' },
  { figure: 'loadCores', title: 'load and upstream cores', digits: 2 },
];
const FRAME_COLUMNS: readonly Column[] = [
  { figure: 'perSecond', title: 'frames/s' },
  { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
  { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
  { figure: 'lost', title: 'lost' },
  { figure: 'gatewayUs', title: 'gateway µs/frame', digits: 2 },
  { figure: 'bridgeUs', title: 'bridge µs/frame', digits: 2 },
  { figure: 'gatewayCores', title: 'gateway cores', digits: 2 },
  { figure: 'gatekeeperCores', title: 'gatekeeper cores', digits: 2 },
  { figure: 'bridgeCores', title: 'bridge cores', digits: 2 },
  { figure: 'redisCores', title: 'Redis cores', digits: 2 },
  { figure: 'loadCores', title: 'load cores', digits: 2 },
];
const WARMUP_SECONDS = 2;

interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly gateway?: GatewayName;
  readonly peers: readonly string[];
  readonly only?: string;
  readonly sockets: number;
  readonly storms: number;
  readonly upgradesPerSecond: number;
  readonly decisions: number;
  readonly connections: number;
  readonly messagesPerSecond: number;
  readonly tokensPerSecond: number;
  readonly profile?: string;
}

void main();

async function main(): Promise<void> {
  const options = command().parse().opts<Options>();
  const { rounds, seconds, profile } = options;
  const machine = thisMachine();
  const gateway = await gatewayFor(options.gateway);
  progress(`the gateway is ${gateway.title}`);
  const flags = profileFlags(profile);
  const settings = { gateway: gateway.title, rounds, seconds, sockets: options.sockets };
  const run = async (part: string, columns: readonly Column[], contestants: readonly Contestant[]) => {
    const meant = contestants.filter(({ name }) => name.includes(options.only ?? ''));
    if (meant.length === 0) return;
    const results = await runRounds(rounds, meant, (round, who, figures) => {
      progress(`path, round ${round}, ${who}: ${brief(columns, figures)}`);
    });
    console.log(report({ bench: `path, ${part}`, machine, settings, results, columns }));
  };
  await run(
    'upgrades',
    UPGRADE_COLUMNS,
    trials(upgrades(options), options, gateway, (peer, waves) => upgradesTrial(peer, gateway, waves, flags)),
  );
  await run('decisions', DECISION_COLUMNS, decisions(options, gateway, flags));
  await run(
    'frames',
    FRAME_COLUMNS,
    trials(offers(options), options, gateway, (peer, offer) => framesTrial(peer, gateway, offer, flags)),
  );
}

function command(): Command {
  return new Command('bench:path')
    .description('The whole path: users with tokens, a gateway, the gatekeeper, a bridge, Redis.')
    .option('--rounds <count>', 'rounds, of which the medians count', count, 3)
    .option('--seconds <count>', 'measured seconds a trial of frames or of upgrades at a rate', count, 5)
    .addOption(
      new Option('--gateway <name>', 'kong needs one on PATH, and is the default where there is one')
        .choices(GATEWAY_NAMES)
        .default(undefined),
    )
    .option('--peers <names>', names().join(','), (text) => text.split(','), names())
    .option('--only <text>', 'only those whose name has this text')
    .option('--sockets <count>', 'sockets of a storm, and those that frames go to', count, 1000)
    .option('--storms <count>', 'storms a trial', count, 4)
    .option('--upgrades-per-second <count>', 'at a rate', count, 100)
    .option('--decisions <count>', 'upgrades a trial that are decided and go no further', count, 10_000)
    .option('--connections <count>', 'over so many connections', count, 32)
    .option('--messages-per-second <count>', 'to all sockets of one channel', count, 20)
    .option('--tokens-per-second <count>', 'to all sessions together', count, 10_000)
    .option('--profile <folder>', 'write CPU profiles of the servers in Node there');
}

/** Upgrades, by the names that they have in the table: at once, and at a rate. */
function upgrades({ sockets, storms, upgradesPerSecond, seconds }: Options): Record<string, Waves> {
  const paced = upgradesPerSecond * seconds;
  return {
    [`a storm of ${sockets}`]: {
      ...{ topics: chats(sockets), sockets, pace: { atOnce: sockets }, waves: storms },
    },
    [`${upgradesPerSecond} a second`]: {
      ...{ topics: chats(paced), sockets: paced, pace: { perSecond: upgradesPerSecond }, waves: 1 },
    },
  };
}

/** Messages, by the names that they have in the table: to one channel of all, and to a session each. */
function offers({ sockets, messagesPerSecond, tokensPerSecond, seconds }: Options): Record<string, Offer> {
  const common = { sockets, warmupSeconds: WARMUP_SECONDS, seconds };
  return {
    [`${messagesPerSecond} messages/s to ${sockets} sockets`]: {
      ...{ ...common, topics: [dashboard('bench')], messagesPerSecond },
    },
    [`${tokensPerSecond} tokens/s to ${sockets} sessions`]: {
      ...{ ...common, topics: chats(sockets), messagesPerSecond: tokensPerSecond },
    },
  };
}

/** Decisions by the plugins that the gateway has. */
function decisions(options: Options, gateway: Gateway, flags: readonly string[]): Contestant[] {
  return CHAINS.filter(({ ofKong }) => !ofKong || gateway.hasBundledPlugins).map((chain) => ({
    name: `decisions: ${gateway.title}, ${chain.name}`,
    run: () => decisionsTrial(chain, gateway, options, flags),
  }));
}

/** Each of the works with each of the peers. */
function trials<W>(
  works: Readonly<Record<string, W>>,
  { peers }: Options,
  gateway: Gateway,
  trial: (peer: Peer, work: W) => Promise<Figures>,
): Contestant[] {
  return Object.entries(works).flatMap(([title, work]) =>
    peers.map((name) => {
      const peer = PATH_PEERS[name];
      if (peer === undefined) throw new RangeError(`expected peers of ${names().join(', ')}, got "${name}"`);
      return {
        name: `${title}: ${gateway.title}, ${peer.name}`,
        run: () => trial(peer, work),
      };
    }),
  );
}

function names(): readonly string[] {
  return Object.keys(PATH_PEERS);
}
