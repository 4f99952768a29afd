import { clockUs, untilUs } from './clock';
import { cpuTimeUs } from './cpu-time';
import type { Figures } from './median';
import type { Peer } from './peer';
import type { PublisherCalls, PublishRequest } from './publisher/calls';
import { REPLIED, REPLY_OFF, REPLY_ON, respCommand } from './publisher/resp';
import { clientPlans, onStage, openAll, type Stage } from './stage';
import { PAYLOAD } from './stamp';
import type { Topic } from './topic';

/** What a relay is put to. */
export interface Offer {
  /** Published to in turn. */
  readonly topics: readonly Topic[];
  /** They hear the topics in turn. */
  readonly sockets: number;
  readonly messagesPerSecond: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** How many sockets connect at once before a trial. */
const CONNECT_AT_ONCE = 50;
/** After connecting, for subscriptions that a server makes without telling, and before the first message. */
const SETTLE_US = 500_000;
/** After the last message, until nothing has come for a while: what has not come by then is lost. */
const QUIET_MS = 3_000;
const DRAIN_MS = 40_000;

/** Starts a peer with all that it needs, offers it messages, and counts what comes out. */
export function relayTrial(peer: Peer, offer: Offer, nodeFlags: readonly string[]): Promise<Figures> {
  return onStage(peer, nodeFlags, async (stage) => {
    const { redis, server, load } = stage;
    const publisher = stage.worker<PublisherCalls>('publisher/main.js');
    const clients = await clientPlans(peer, offer.topics, { port: server.port, sockets: offer.sockets });
    await openAll(load, clients, CONNECT_AT_ONCE);

    const beginUs = clockUs() + SETTLE_US;
    const startUs = beginUs + offer.warmupSeconds * 1_000_000;
    const endUs = startUs + offer.seconds * 1_000_000;
    await load.call('watch', { startUs, endUs });
    const publishing = publisher.call('publish', {
      ...publishRequest(peer, offer, redis.port),
      startUs: beginUs,
      endUs,
    });
    await untilUs(startUs);
    const before = times(stage, publisher.pid);
    await untilUs(endUs);
    server.expectRunning();
    const after = times(stage, publisher.pid);
    const published = await publishing;
    await load.call('settle', { quietMs: QUIET_MS, mostMs: DRAIN_MS });

    const expected = clients.map((_, index) => published.counts[index % offer.topics.length] ?? 0);
    const counts = await load.call('count', expected);
    const spentUs = after.clock - before.clock;
    return {
      ...counts,
      perSecond: (counts.delivered * 1_000_000) / spentUs,
      cpuUs: (after.server - before.server) / counts.delivered,
      serverCores: (after.server - before.server) / spentUs,
      redisCores: (after.redis - before.redis) / spentUs,
      loadCores: (after.load - before.load) / spentUs,
    };
  });
}

type Times = Readonly<Record<'clock' | 'server' | 'redis' | 'load', number>>;

function times({ server, redis, load }: Stage, publisherPid: number): Times {
  return {
    clock: clockUs(),
    server: cpuTimeUs(server.pid),
    redis: cpuTimeUs(redis.pid),
    load: cpuTimeUs(load.pid) + cpuTimeUs(publisherPid),
  };
}

function publishRequest(
  peer: Peer,
  { topics, messagesPerSecond }: Offer,
  port: number,
): Omit<PublishRequest, 'startUs' | 'endUs'> {
  const commands = topics.map((topic) => respCommand('PUBLISH', ...peer.publication(topic, PAYLOAD)));
  return { port, commands, messagesPerSecond, prologue: REPLY_OFF, epilogue: REPLY_ON, done: REPLIED };
}
