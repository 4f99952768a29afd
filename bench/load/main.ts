import { clockUs } from '../clock';
import { LatencyHistogram } from '../latency-histogram';
import { answerCalls } from '../worker';
import { atPace } from './at-pace';
import { Client } from './client';
import type { LoadCalls, Opened, OpenRequest } from './calls';
import { Tally } from './tally';

const clients: Client[] = [];
const tally = new Tally();

answerCalls<LoadCalls>({
  open,
  watch: (window) => {
    tally.watch(window);
    return Promise.resolve();
  },
  settle: async ({ quietMs, mostMs }) => {
    const endUs = clockUs() + mostMs * 1000;
    let seen = -1;
    while (seen !== tally.total && clockUs() < endUs) {
      seen = tally.total;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
  },
  count: (published) => Promise.resolve(tally.counts(published)),
  leave: () => {
    for (const client of clients.splice(0)) client.leave();
    return Promise.resolve();
  },
});

async function open({ clients: plans, ...pace }: OpenRequest): Promise<Opened> {
  const startUs = clockUs();
  const refusals = new Set<string>();
  const handshakes = new LatencyHistogram();
  let lastUs = startUs;
  await atPace(plans, pace, async (plan) => {
    const client = new Client(plan, clients.length, tally);
    clients.push(client);
    const refusal = await client.opened;
    if (refusal === undefined) handshakes.record(client.handshakeUs);
    else refusals.add(refusal);
    lastUs = clockUs();
  });
  return {
    open: handshakes.total,
    seconds: (lastUs - startUs) / 1_000_000,
    p50Ms: handshakes.percentileUs(0.5) / 1000,
    p99Ms: handshakes.percentileUs(0.99) / 1000,
    refusals: [...refusals],
  };
}
