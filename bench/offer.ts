import { clockUs, untilUs } from './clock';
import { startMeter, type Spent } from './cpu-meter';
import type { LoadCalls } from './load/calls';
import type { ClientPlan } from './load/client';
import type { Counts } from './load/tally';
import type { Feed, PublisherCalls } from './publisher/calls';
import type { Backstage } from './backstage';
import { openAll } from './stage';
import type { Topic } from './topic';
import type { Worker } from './worker';

/** The load that a relay is put to. */
export interface Offer {
  /** Published to in turn. */
  readonly topics: readonly Topic[];
  /** They hear the topics in turn. */
  readonly sockets: number;
  readonly messagesPerSecond: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** Who takes part in it. */
export interface Players<N extends string> {
  readonly load: Worker<LoadCalls>;
  readonly worker: Backstage['worker'];
  readonly clients: readonly ClientPlan[];
  readonly feed: Feed;
  /** Those whose CPU time counts, by name. */
  readonly processes: Readonly<Record<N, readonly number[]>>;
}

/** The outcome: the CPU time is that of the measured seconds. */
export interface Outcome<N extends string> {
  readonly counts: Counts;
  readonly spent: Spent<N | 'load'>;
}

/** How many sockets connect at once before a trial. */
const CONNECT_AT_ONCE = 50;
/** After connecting, for subscriptions that a server makes without telling, and before the first message. */
const SETTLE_US = 500_000;
/** After the last message, until nothing has come for a while: what has not come by then is lost. */
const QUIET_MS = 3_000;
const DRAIN_MS = 40_000;

/** Opens the sockets, offers their server messages, and counts what comes out. */
export async function offerMessages<N extends string>(
  { load, worker, clients, feed, processes }: Players<N>,
  { topics, messagesPerSecond, warmupSeconds, seconds }: Offer,
): Promise<Outcome<N>> {
  const publisher = worker<PublisherCalls>('publisher/main.js');
  await openAll(load, clients, CONNECT_AT_ONCE);

  const beginUs = clockUs() + SETTLE_US;
  const startUs = beginUs + warmupSeconds * 1_000_000;
  const endUs = startUs + seconds * 1_000_000;
  await load.call('watch', { startUs, endUs });
  const publishing = publisher.call('publish', { ...feed, messagesPerSecond, startUs: beginUs, endUs });
  await untilUs(startUs);
  const meter = startMeter({ ...processes, load: [load.pid, publisher.pid] });
  await untilUs(endUs);
  const spent = meter();
  const published = await publishing;
  await load.call('settle', { quietMs: QUIET_MS, mostMs: DRAIN_MS });

  const expected = clients.map((_, index) => published.counts[index % topics.length] ?? 0);
  return { counts: await load.call('count', expected), spent };
}
