import { withBackstage, type Backstage } from './backstage';
import { serverPort } from './server-port';
import type { LoadCalls } from './load/calls';
import type { ClientPlan } from './load/client';
import type { Peer } from './peer';
import { privateRedis } from './private-redis';
import type { ServerProcess } from './server-process';
import type { Topic } from './topic';
import type { Worker } from './worker';

/** A peer that runs, with what it and its clients need. */
export interface Stage {
  readonly redis: ServerProcess;
  readonly server: ServerProcess;
  readonly load: Worker<LoadCalls>;
  readonly worker: Backstage['worker'];
}

/** Sets up a stage, hands it to `trial`, and takes everything down again. */
export function onStage<T>(
  peer: Peer,
  nodeFlags: readonly string[],
  trial: (stage: Stage) => Promise<T>,
): Promise<T> {
  return withBackstage(async ({ folder, keep, worker }) => {
    const redis = await keep(privateRedis(folder));
    const place = { redisPort: redis.port, port: await serverPort(), folder, nodeFlags };
    const server = await keep(peer.start(place));
    return trial({ redis, server, load: worker<LoadCalls>('load/main.js'), worker });
  });
}

/** Sockets from one address, at most: a system has some 28,000 ports for outgoing connections. */
const SOCKETS_PER_ADDRESS = 20_000;

/** How so many clients connect, each to the next of the topics. @param first the number of the first of them */
export async function clientPlans(
  peer: Pick<Peer, 'client'>,
  topics: readonly Topic[],
  { port, sockets, first = 0 }: { readonly port: number; readonly sockets: number; readonly first?: number },
): Promise<ClientPlan[]> {
  const plans: ClientPlan[] = [];
  for (let number = first; number < first + sockets; number += 1) {
    const topic = topics[number % topics.length];
    if (topic === undefined) throw new RangeError('expected at least one topic');
    const address = Math.floor((number - first) / SOCKETS_PER_ADDRESS);
    const from = address === 0 ? {} : { from: `127.0.0.${1 + address}` };
    plans.push({ port, ...from, ...(await peer.client(topic, number)) });
  }
  return plans;
}

/** Opens them all. @throws Error when one is refused: then there is nothing to measure */
export async function openAll(
  load: Worker<LoadCalls>,
  clients: readonly ClientPlan[],
  atOnce: number,
): Promise<void> {
  const { open, refusals } = await load.call('open', { clients, atOnce });
  if (open === clients.length) return;
  throw new Error(`${open} of ${clients.length} sockets are open: ${refusals.join(', ')}`);
}
