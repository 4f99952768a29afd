import { availablePeers } from './all-peers';
import { thisMachine } from './machine';
import type { Offer } from './offer';
import { benchCommand, type BenchOptions } from './options';
import { profileFlags } from './profile';
import { relayTrial } from './relay-trial';
import { brief, progress, report, type Column } from './report';
import { runRounds } from './rounds';

/** A bench of relays: the same offers to each of them. */
export interface RelayBench {
  readonly name: string;
  readonly description: string;
  /** By the names that they have in the table; '' when there is one only. */
  readonly offers: Readonly<Record<string, Omit<Offer, 'seconds'>>>;
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
export async function runRelayBench({ name, description, offers }: RelayBench): Promise<void> {
  const options = benchCommand(name, description, SECONDS).parse().opts<BenchOptions>();
  const { rounds, seconds } = options;
  const machine = thisMachine();
  const peers = await availablePeers(options.peers);
  const flags = profileFlags(options.profile);
  const contestants = Object.entries(offers).flatMap(([title, offer]) =>
    peers.map((peer) => ({
      name: title === '' ? peer.name : `${title}: ${peer.name}`,
      run: () => relayTrial(peer, { ...offer, seconds }, flags),
    })),
  );
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`${name}, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  console.log(report({ bench: name, machine, settings: { rounds, seconds }, results, columns: COLUMNS }));
}
