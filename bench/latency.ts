import { runRelayBench } from './relay-bench';
import { chats, dashboard } from './topic';

void runRelayBench({
  name: 'latency',
  description: 'Steady rates that every relay keeps up with: how long a frame takes when nobody is busy.',
  offers: {
    '20,000 tokens/s to 1,000 sessions': {
      ...{ topics: chats(1000), sockets: 1000, messagesPerSecond: 20_000, warmupSeconds: 2 },
    },
    '10 messages/s to 1,000 sockets': {
      ...{ topics: [dashboard('bench')], sockets: 1000, messagesPerSecond: 10, warmupSeconds: 2 },
    },
  },
});
