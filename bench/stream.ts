import { runRelayBench } from './relay-bench';
import { chats } from './topic';

void runRelayBench({
  name: 'stream',
  description: '1,000 sessions with a channel each get a token each in turn: 100,000 tokens/s are offered.',
  offers: {
    '': { topics: chats(1000), sockets: 1000, messagesPerSecond: 100_000, warmupSeconds: 2 },
  },
});
