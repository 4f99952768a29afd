import { runRelayBench } from './relay-bench';
import { chat } from './topic';

const SESSIONS = 1000;

void runRelayBench({
  name: 'stream',
  description: '1,000 sessions with a channel each get a token each in turn: 100,000 tokens/s are offered.',
  offer: {
    topics: Array.from({ length: SESSIONS }, (_, index) => chat(`s${index}`)),
    sockets: SESSIONS,
    messagesPerSecond: 100_000,
    warmupSeconds: 2,
  },
});
