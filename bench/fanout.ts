import { runRelayBench } from './relay-bench';
import { dashboard } from './topic';

void runRelayBench({
  name: 'fanout',
  description: '1,000 sockets hear one channel with 200 messages/s: 200,000 frames/s are offered.',
  offers: { '': { topics: [dashboard('bench')], sockets: 1000, messagesPerSecond: 200, warmupSeconds: 2 } },
});
