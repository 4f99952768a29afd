import { availablePeers } from './all-peers';
import { thisMachine } from './machine';
import { benchOptions } from './options';
import { relayTrial, type Offer } from './relay-trial';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';

/** A bench of relays: the same offer to each of them. */
export interface RelayBench {
  readonly name: string;
  readonly description: string;
  readonly offer: Omit<Offer, 'seconds'>;
}

const COLUMNS: readonly Column[] = [
  { figure: 'perSecond', title: 'frames/s' },
  { figure: 'cpuUs', title: 'CPU µs/frame', digits: 2 },
  { figure: 'p50Ms', title: 'p50 ms', digits: 1 },
  { figure: 'p99Ms', title: 'p99 ms', digits: 1 },
  { figure: 'lost', title: 'lost' },
  { figure: 'serverCores', title: 'cores', digits: 2 },
  { figure: 'redisCores', title: 'Redis cores', digits: 2 },
  { figure: 'loadCores', title: 'load cores', digits: 2 },
];
/** Measured seconds a trial, unless told otherwise. */
const SECONDS = 5;

/** Runs it as its command line says, and prints what it found. */
export async function runRelayBench({ name, description, offer }: RelayBench): Promise<void> {
  const { rounds, seconds, peers: names, profile } = benchOptions(name, description, SECONDS);
  const machine = thisMachine();
  const peers = await availablePeers(names);
  const flags = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
  const contestants = peers.map((peer) => ({
    name: peer.name,
    run: () => relayTrial(peer, { ...offer, seconds }, flags),
  }));
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`${name}, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  const { topics, sockets, messagesPerSecond, warmupSeconds } = offer;
  const settings = {
    rounds,
    seconds,
    warmupSeconds,
    topics: topics.length,
    sockets,
    messagesPerSecond,
    framesPerSecond: (messagesPerSecond * sockets) / topics.length,
  };
  console.log(report({ bench: name, machine, settings, results, columns: COLUMNS }));
}
