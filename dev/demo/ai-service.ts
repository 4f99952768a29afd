import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connectService } from '../../service/src/index';
import { demoName, DEMO_PREFIX } from './names';
import { demoAnswer, questionIn } from './answer';

/** Milliseconds between two tokens, unless DEMO_TOKEN_INTERVAL_MS says otherwise. */
const DEFAULT_TOKEN_INTERVAL_MS = 50;
const GROUP = 'demo';
/** The stream that the bridge writes commands to (PROTOCOL.md §3). */
const COMMANDS = demoName('ai:commands');

const tokenIntervalMs = Number(process.env['DEMO_TOKEN_INTERVAL_MS'] ?? DEFAULT_TOKEN_INTERVAL_MS);
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
const service = connectService({
  ...{ redis, group: GROUP, prefix: DEMO_PREFIX },
  onAnswer: ({ command: { session, tenant, user, roles }, outcome }) => {
    console.log(JSON.stringify({ answered: session, outcome, tenant, user, roles }));
  },
  onFault: (cause) => {
    console.error(JSON.stringify({ error: cause instanceof Error ? cause.message : String(cause) }));
  },
});

// Nobody waits here for the end of an answer that is only a demonstration.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));

void main();

async function main(): Promise<void> {
  await skipOldCommands();
  service.answer('message', async function* ({ dataText }, { signal }) {
    for (const frame of demoAnswer(questionIn(dataText))) {
      if (frame.type === 'complete') return frame.data;
      yield frame;
      await delay(tokenIntervalMs, undefined, { signal });
    }
    return {};
  });
  console.log(JSON.stringify({ ready: true, reads: COMMANDS }));
}

/** A Redis that was there before may have the commands of earlier demonstrations. */
async function skipOldCommands(): Promise<void> {
  try {
    await redis.xgroup('CREATE', COMMANDS, GROUP, '$', 'MKSTREAM');
  } catch (cause) {
    if (!(cause instanceof Error && cause.message.startsWith('BUSYGROUP'))) throw cause;
  }
}
