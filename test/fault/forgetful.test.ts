import { randomInt } from 'node:crypto';
import { Forgetful } from './forgetful';
import { totalOf } from './ledger';
import { planFrom } from './plan';
import { sendsCommands } from './seat';
import { lingerOf } from './settings-linger';
import { Stage } from './stage';
import { until, wait } from './until';

const plan = planFrom(process.env, () => randomInt(1, 1_000_000_000));
const SECONDS = 1000;
const TIMEOUT_MS = (plan.seconds + 240) * SECONDS;
/** How often one of them forgets everything or is cut, in milliseconds. */
const TROUBLE_EACH_MS = 150;
/** Tabs of one session that forget, beside one that does not. */
const TABS = 2;
const FLAWLESS = { silentLosses: 0, duplicates: 0, outOfOrder: 0, foreign: 0, damaged: 0 };

let stage: Stage;
let clients: readonly Forgetful[];
let faults: string[];

beforeEach(async () => {
  stage = await Stage.open({
    plan,
    env: {
      BRIDGE_DRAIN_MS: '500',
      ...lingerOf(25_000),
      // A noisy machine must not look like a bridge that is gone.
      BRIDGE_HANDOVER_TIMEOUT_MS: '15000',
      BRIDGE_REDIS_TIMEOUT_MS: '15000',
      BRIDGE_HANDSHAKE_TIMEOUT_MS: '20000',
    },
    times: { tokenLifetimeMs: 600_000, renewBeforeMs: 1000, idleTimeoutMs: 10_000 },
  });
  faults = [];
  clients = stage.listeners
    .filter(({ seat }) => sendsCommands(seat))
    .flatMap(({ seat }) => Array.from({ length: TABS }, () => seat))
    .map((seat) => new Forgetful(seat, stage.gateway.url, stage.random, (fault) => void faults.push(fault)));
  await until(() => clients.every(({ wasOpen }) => wasOpen));
}, TIMEOUT_MS);
afterEach(async () => {
  for (const client of clients) client.leave();
  await stage.close();
});

/** Makes one client after the other forget everything, or cuts it, until told to stop. */
function troubleAtRandom(): () => void {
  const { random } = stage;
  const timer = setInterval(() => {
    const client = random.pick(clients);
    if (random.next() < 0.5) client?.cut();
    else client?.forget();
  }, TROUBLE_EACH_MS);
  return () => {
    clearInterval(timer);
  };
}

/** Breaks something again and again while clients forget. @returns the score of all that they heard */
async function broken(act: () => Promise<unknown>): Promise<object> {
  stage.start();
  const calm = troubleAtRandom();
  const endMs = Date.now() + plan.seconds * SECONDS;
  for (let count = 0; count < 2 || Date.now() < endMs; count += 1) {
    await wait(plan.seconds * 200);
    await act();
  }
  calm();
  const settled = await stage.settle(120 * SECONDS);
  const { published } = stage.publisher;
  const complete = await until(() => clients.every((client) => client.isComplete(published)), 60 * SECONDS);
  const score = totalOf(clients.map((client) => client.score(published)));
  process.stdout.write(`clients that forget: ${JSON.stringify(score)}\n${faults.slice(0, 5).join('\n')}\n`);
  return { settled, complete, ...score };
}

it(
  `clients that forget everything get the whole of their sessions while bridges are replaced (SEED=${plan.seed})`,
  async () => {
    const outcome = await broken(() => stage.replaceOne());
    expect(outcome).toMatchObject({ settled: true, complete: true, coveredLosses: 0, ...FLAWLESS });
  },
  TIMEOUT_MS,
);

it(
  `clients that forget everything lose nothing silently while bridges are killed (SEED=${plan.seed})`,
  async () => {
    const outcome = await broken(() => stage.killOne());
    expect(outcome).toMatchObject({ settled: true, complete: true, ...FLAWLESS });
  },
  TIMEOUT_MS,
);
