import { availablePeers } from './all-peers';
import { thisMachine } from './machine';
import type { Figures } from './median';
import { benchCommand, count, type BenchOptions } from './options';
import type { Peer } from './peer';
import { profileFlags } from './profile';
import { brief, progress, report, type Column } from './report';
import { residentBytes } from './resident-memory';
import { runRounds } from './rounds';
import { clientPlans, onStage, openAll } from './stage';
import { chats, dashboards, type Topic } from './topic';

const COLUMNS: readonly Column[] = [
  { figure: 'kilobytes', title: 'KB/connection', digits: 1 },
  { figure: 'startMb', title: 'MB before', digits: 1 },
  { figure: 'endMb', title: 'MB after', digits: 1 },
];
/** How many sockets connect at once. */
const CONNECT_AT_ONCE = 200;
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
    await openInTurns(peer, topics, { port: server.port, sockets }, (clients) =>
      openAll(load, clients, CONNECT_AT_ONCE),
    );
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const end = residentBytes(server.pid);
    return {
      kilobytes: (end - start) / sockets / 1024,
      startMb: start / 2 ** 20,
      endMb: end / 2 ** 20,
    };
  });
}

/** Assertions live half a minute: each turn's are signed just before. */
const SOCKETS_A_TURN = 1000;

async function openInTurns(
  peer: Peer,
  topics: readonly Topic[],
  { port, sockets }: { readonly port: number; readonly sockets: number },
  open: (clients: Awaited<ReturnType<typeof clientPlans>>) => Promise<void>,
): Promise<void> {
  for (let first = 0; first < sockets; first += SOCKETS_A_TURN) {
    await open(
      await clientPlans(peer, topics, { port, first, sockets: Math.min(SOCKETS_A_TURN, sockets - first) }),
    );
  }
}
