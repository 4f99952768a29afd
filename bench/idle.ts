import { availablePeers } from './all-peers';
import { heapGroups, type HeapSnapshot } from './heap/heap-groups';
import { heapFlags, takeSnapshot } from './heap/take-snapshot';
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
import { cell, table } from './table';
import { chats, dashboards, type Topic } from './topic';
import type { Worker } from './worker';

const COLUMNS: readonly Column[] = [
  { figure: 'open', title: 'connections' },
  { figure: 'kilobytes', title: 'KB/connection', digits: 1 },
  { figure: 'startMb', title: 'MB before', digits: 1 },
  { figure: 'endMb', title: 'MB after', digits: 1 },
];
/** Kinds of objects that take less of a connection's memory are not shown, in bytes. */
const LEAST_SHOWN_BYTES = 4;
/** How many sockets connect at once. */
const CONNECT_AT_ONCE = 50;
const DASHBOARDS = 100;

type IdleOptions = BenchOptions & {
  readonly sockets: number;
  readonly heap?: string | undefined;
};

void main();

async function main(): Promise<void> {
  const description = 'Many sockets that nothing comes for: resident memory of the server, a connection.';
  const options = benchCommand('idle', description, 10)
    .option('--sockets <count>', 'how many', count, 10_000)
    .option(
      '--heap <folder>',
      'an empty folder: says of Node servers which objects a connection is, by a heap snapshot',
    )
    .parse()
    .opts<IdleOptions>();
  const { rounds, seconds, sockets, profile, heap } = options;
  const nodeFlags = [...profileFlags(profile), ...heapFlags(heap)];
  const machine = thisMachine();
  const peers = await availablePeers(options.peers);
  const kinds = {
    [`${DASHBOARDS} channels`]: dashboards(DASHBOARDS),
    'a channel each': chats(sockets),
  };
  const contestants = Object.entries(kinds).flatMap(([kind, topics]) =>
    peers.map((peer) => ({
      name: `${kind}: ${peer.name}`,
      run: () => idleTrial(peer, topics, { sockets, seconds, heap }, nodeFlags),
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
  { sockets, seconds, heap }: Pick<IdleOptions, 'sockets' | 'seconds' | 'heap'>,
  nodeFlags: readonly string[],
): Promise<Figures> {
  return onStage(peer, nodeFlags, async ({ server, load }) => {
    const start = residentBytes(server.pid);
    const open = await openInTurns(peer, topics, { port: server.port, sockets }, load);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    server.expectRunning();
    const end = residentBytes(server.pid);
    if (heap !== undefined) progress(heapTable(await takeSnapshot(server.pid, heap), open));
    return {
      open,
      kilobytes: (end - start) / open / 1024,
      startMb: start / 2 ** 20,
      endMb: end / 2 ** 20,
    };
  });
}

function heapTable(heap: HeapSnapshot, connections: number): string {
  const shown = heapGroups(heap).filter(({ bytes }) => bytes / connections >= LEAST_SHOWN_BYTES);
  const rows = shown.map(({ kind, objects, bytes }) => [
    kind,
    cell(objects / connections, 2),
    cell(bytes / connections),
  ]);
  return table(['kind of object', 'a connection', 'bytes a connection'], rows);
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
