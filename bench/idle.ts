import { availablePeers } from './all-peers';
import type { LoadCalls } from './load/calls';
import { thisMachine } from './machine';
import type { Figures } from './median';
import { benchCommand, count, type BenchOptions } from './options';
import type { Peer } from './peer';
import { profileFlags } from './profile';
import { brief, progress, report, type Column } from './report';
import { residentBytes } from './resident-memory';
import { runRounds } from './rounds';
import { clientPlans, onStage } from './stage';
import { chats, dashboards, type Topic } from './topic';
import type { Worker } from './worker';

const COLUMNS: readonly Column[] = [
  { figure: 'open', title: 'connections' },
  { figure: 'kilobytes', title: 'KB/connection', digits: 1 },
  { figure: 'startMb', title: 'MB before', digits: 1 },
  { figure: 'endMb', title: 'MB after', digits: 1 },
];
/** How many sockets connect at once. */
const CONNECT_AT_ONCE = 50;
const DASHBOARDS = 100;

void main();

async function main(): Promise<void> {
  const description = 'Many sockets that nothing comes for: resident memory of the server, a connection.';
  const options = benchCommand('idle', description, 10)
    .option('--sockets <count>', 'how many', count, 10_000)
    .parse()
    .opts<BenchOptions & { readonly sockets: number }>();
  const { rounds, seconds, sockets, profile } = options;
  const machine = thisMachine();
  const peers = await availablePeers(options.peers);
  const kinds = {
    [`${DASHBOARDS} channels`]: dashboards(DASHBOARDS),
    'a channel each': chats(sockets),
  };
  const contestants = Object.entries(kinds).flatMap(([kind, topics]) =>
    peers.map((peer) => ({
      name: `${kind}: ${peer.name}`,
      run: () => idleTrial(peer, topics, { sockets, seconds }, profileFlags(profile)),
    })),
  );
  const results = await runRounds(rounds, contestants, (round, who, figures) => {
    progress(`idle, round ${round}, ${who}: ${brief(COLUMNS, figures)}`);
  });
  const settings = { rounds, seconds, sockets };
  console.log(report({ bench: 'idle', machine, settings, results, columns: COLUMNS }));
}

/** Opens the sockets, leaves them alone for `seconds`, and looks at what the server holds. */
function idleTrial(
  peer: Peer,
  topics: readonly Topic[],
  { sockets, seconds }: { readonly sockets: number; readonly seconds: number },
  nodeFlags: readonly string[],
): Promise<Figures> {
  return onStage(peer, nodeFlags, async ({ server, load }) => {
    const start = residentBytes(server.pid);
    const open = await openInTurns(peer, topics, { port: server.port, sockets }, load);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    server.expectRunning();
    const end = residentBytes(server.pid);
    return {
      open,
      kilobytes: (end - start) / open / 1024,
      startMb: start / 2 ** 20,
      endMb: end / 2 ** 20,
    };
  });
}

/** Assertions live half a minute: each turn's are signed just before. */
const SOCKETS_A_TURN = 1000;

/** @returns how many are open: a server that is hard pressed may refuse some */
async function openInTurns(
  peer: Peer,
  topics: readonly Topic[],
  { port, sockets }: { readonly port: number; readonly sockets: number },
  load: Worker<LoadCalls>,
): Promise<number> {
  let total = 0;
  for (let first = 0; first < sockets; first += SOCKETS_A_TURN) {
    const turn = Math.min(SOCKETS_A_TURN, sockets - first);
    const clients = await clientPlans(peer, topics, { port, first, sockets: turn });
    const { open, refusals } = await load.call('open', { clients, atOnce: CONNECT_AT_ONCE });
    if (refusals.length > 0) progress(`refused: ${refusals.join(', ')}`);
    total += open;
  }
  return total;
}
