import { clockUs } from '../clock';
import { LatencyHistogram } from '../latency-histogram';
import { answerCalls } from '../worker';
import type { Decisions, KongCalls, Load } from './calls';
import { MsgpackWorker } from './msgpack-worker';
import { ProtobufWorker } from './protobuf-worker';
import type { KongWorker } from './worker';

let worker: KongWorker | undefined;

answerCalls<KongCalls>({
  start: ({ protocol, socketPath, pluginName, config }) => {
    worker = protocol === 'ProtoBuf' ? new ProtobufWorker(socketPath) : new MsgpackWorker(socketPath);
    return worker.start(pluginName, config);
  },
  warmUp: ({ decisions, ...load }) => run(load, (asked) => asked < decisions),
  storm: ({ endUs, ...load }) => run(load, (_, nowUs) => nowUs < endUs),
  leave: () => {
    worker?.close();
    return Promise.resolve();
  },
});

/** @param goOn whether to ask once more, when so many were asked for already */
async function run(
  { upgrades, inFlight }: Load,
  goOn: (asked: number, nowUs: number) => boolean,
): Promise<Decisions> {
  const kong = worker;
  if (kong === undefined) throw new Error('start comes first');
  const latencies = new LatencyHistogram();
  let [asked, refused, pdkCalls, arrivals] = [0, 0, 0, 0];
  const oneAfterTheOther = async (): Promise<void> => {
    for (let askedUs = clockUs(); goOn(asked, askedUs);) {
      const upgrade = upgrades[(asked += 1) % upgrades.length];
      if (upgrade === undefined) throw new RangeError('expected at least one upgrade');
      const { calls, ...decided } = await kong.decide(upgrade);
      const nowUs = clockUs();
      latencies.record(nowUs - askedUs);
      askedUs = nowUs;
      pdkCalls += calls;
      arrivals += decided.arrivals;
      if (!decided.admitted) refused += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, oneAfterTheOther));
  const decided = latencies.total;
  return {
    decided,
    refused,
    pdkCalls: pdkCalls / decided,
    arrivals: arrivals / decided,
    p50Ms: latencies.percentileUs(0.5) / 1000,
    p99Ms: latencies.percentileUs(0.99) / 1000,
  };
}
