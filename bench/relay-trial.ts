import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../dev/ports';
import { clockUs, untilUs } from './clock';
import { cpuTimeUs } from './cpu-time';
import type { LoadCalls } from './load/calls';
import type { ClientPlan } from './load/client';
import type { Figures } from './median';
import type { Peer } from './peer';
import { privateRedis } from './private-redis';
import type { PublisherCalls, PublishRequest } from './publisher/calls';
import { REPLIED, REPLY_OFF, REPLY_ON, respCommand } from './publisher/resp';
import { PAYLOAD } from './stamp';
import type { Topic } from './topic';
import { Worker } from './worker';

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
const QUIET_MS = 3_000;
/** After the last message: what has not come by then is lost. */
const DRAIN_MS = 40_000;

/** Starts a peer with all that it needs, offers it messages, and counts what comes out. */
export async function relayTrial(
  peer: Peer,
  offer: Offer,
  nodeFlags: readonly string[] = [],
): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'ws-bridge-bench-'));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true })];
  try {
    const redis = await privateRedis(folder);
    stops.push(() => redis.stop());
    const place = { redisPort: redis.port, port: await freePort(), folder, nodeFlags };
    const server = await peer.start(place);
    stops.push(() => server.stop());
    const load = new Worker<LoadCalls>(join(__dirname, 'load/main.js'));
    stops.push(() => load.stop());
    const publisher = new Worker<PublisherCalls>(join(__dirname, 'publisher/main.js'));
    stops.push(() => publisher.stop());

    const clients = await clientPlans(peer, offer, server.port);
    const { open, refusals } = await load.call('open', { clients, atOnce: CONNECT_AT_ONCE });
    if (open !== offer.sockets) {
      throw new Error(`${peer.name}: ${open} of ${offer.sockets} sockets open: ${refusals.join(', ')}`);
    }
    const beginUs = clockUs() + SETTLE_US;
    const window = { startUs: beginUs + offer.warmupSeconds * 1_000_000, endUs: 0 };
    window.endUs = window.startUs + offer.seconds * 1_000_000;
    await load.call('watch', window);
    const publishing = publisher.call(
      'publish',
      publishRequest(peer, offer, redis.port, beginUs, window.endUs),
    );
    await untilUs(window.startUs);
    const before = times();
    await untilUs(window.endUs);
    const after = times();
    const published = await publishing;
    await load.call('settle', { quietMs: QUIET_MS, mostMs: DRAIN_MS });
    const expected = clients.map((_, index) => published.counts[index % offer.topics.length] ?? 0);
    const counts = await load.call('count', expected);
    const seconds = (after.clock - before.clock) / 1_000_000;
    return {
      ...counts,
      perSecond: counts.delivered / seconds,
      cpuUs: (after.server - before.server) / counts.delivered,
      serverCores: (after.server - before.server) / 1_000_000 / seconds,
      redisCores: (after.redis - before.redis) / 1_000_000 / seconds,
      loadCores: (after.load - before.load) / 1_000_000 / seconds,
    };

    function times(): Record<'clock' | 'server' | 'redis' | 'load', number> {
      return {
        clock: clockUs(),
        server: cpuTimeUs(server.pid),
        redis: cpuTimeUs(redis.pid),
        load: cpuTimeUs(load.pid) + cpuTimeUs(publisher.pid),
      };
    }
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function clientPlans(peer: Peer, { topics, sockets }: Offer, port: number): Promise<ClientPlan[]> {
  const plans: ClientPlan[] = [];
  for (let number = 0; number < sockets; number += 1) {
    const topic = topics[number % topics.length];
    if (topic === undefined) throw new RangeError('expected at least one topic');
    plans.push({ port, from: '127.0.0.1', ...(await peer.client(topic, number)) });
  }
  return plans;
}

function publishRequest(
  peer: Peer,
  { topics, messagesPerSecond }: Offer,
  port: number,
  startUs: number,
  endUs: number,
): PublishRequest {
  const commands = topics.map((topic) => respCommand('PUBLISH', ...peer.publication(topic, PAYLOAD)));
  return {
    port,
    commands,
    messagesPerSecond,
    startUs,
    endUs,
    prologue: REPLY_OFF,
    epilogue: REPLY_ON,
    done: REPLIED,
  };
}
