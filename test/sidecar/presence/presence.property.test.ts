import fc from 'fast-check';
import { RETRY_MS, type Listening, type Presence } from '../../../sidecar/presence/presence';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { dashboard, LEASE_MS, LINGER_MS, PresenceStage } from './fixture';

const RUNS = Number(process.env['RUNS'] ?? 60);
const [BRIDGES, TOPICS] = [3, 3];

const bridge = fc.nat(BRIDGES - 1);
const topic = fc.nat(TOPICS - 1).map((number) => `d${number}`);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('enter' as const), bridge, topic }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('leave' as const), bridge, topic }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), bridge }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const), bridge, topic }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.integer({ min: 1, max: 2 * LEASE_MS }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** A bridge, with who is there in truth. */
class Actor {
  readonly listening: { readonly topic: string; readonly handle: Listening }[] = [];
  losesNext = false;
  readonly presence: Presence;

  constructor(stage: PresenceStage) {
    this.presence = stage.bridge({}, (store) => ({
      tell: async (call) => {
        const answer = await store.tell(call);
        if (!this.losesNext) return answer;
        this.losesNext = false;
        throw new Error('lost');
      },
    }));
  }

  enter(topic: string): void {
    this.listening.push({ topic, handle: this.presence.enter(dashboard(topic)) });
  }

  leave(topic: string): void {
    const at = this.listening.findIndex((one) => one.topic === topic);
    if (at >= 0) this.listening.splice(at, 1)[0]?.handle.leave();
  }
}

let server: RedisServer;
let stage: PresenceStage;
beforeAll(async () => {
  server = await startRedis();
  stage = new PresenceStage(server.url);
});
afterAll(async () => {
  stage.redis.disconnect();
  await server.stop();
});

/** Takes one step, and lets Redis hear of it. */
async function take(step: Step, actors: Actor[]): Promise<void> {
  const actor = 'bridge' in step ? actors[step.bridge] : undefined;
  switch (step.kind) {
    case 'enter':
      actor?.enter(step.topic);
      break;
    case 'leave':
      actor?.leave(step.topic);
      break;
    case 'kill':
      if (actor !== undefined) stage.kill(actor.presence);
      actors[step.bridge] = new Actor(stage);
      break;
    case 'lose':
      if (actor === undefined) break;
      actor.losesNext = true;
      actor.enter(step.topic);
      await stage.settled();
      // It tells nothing before it tries again.
      await stage.pass(RETRY_MS);
      break;
    case 'pass':
      await stage.pass(step.ms);
      break;
  }
  await stage.settled();
}

/** Holds the entries since `from` to who is there, and to their turns. @returns what was said last of each topic */
async function judge(from: number, last: ReadonlyMap<string, string>, actors: readonly Actor[]) {
  const isHeard = (topic: string): boolean =>
    actors.some(({ listening }) => listening.some((one) => one.topic === topic));
  const said = new Map(last);
  const entries = await stage.entries();
  for (const { type, channel = '' } of entries.slice(from)) {
    expect(`${type} after ${said.get(channel) ?? 'left'}`).toBe(
      type === 'joined' ? 'joined after left' : 'left after joined',
    );
    if (type === 'left') expect([channel, isHeard(channel)]).toEqual([channel, false]);
    said.set(channel, type);
  }
  for (const { listening } of actors)
    for (const { topic } of listening) expect([topic, said.get(topic)]).toEqual([topic, 'joined']);
  return { said, count: entries.length };
}

describe('whatever listeners and bridges come and go, and whichever answers are lost, services', () => {
  it('hear joined and left in turn for a topic, never left while somebody listens, and left in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        await stage.reset();
        const actors = Array.from({ length: BRIDGES }, () => new Actor(stage));
        let state: Awaited<ReturnType<typeof judge>> = { said: new Map(), count: 0 };
        for (const one of steps) {
          await take(one, actors);
          state = await judge(state.count, state.said, actors);
        }
        for (const { listening } of actors) for (const { handle } of listening.splice(0)) handle.leave();
        await stage.settled();
        await stage.pass(2 * LEASE_MS + LINGER_MS);
        const { said } = await judge(state.count, state.said, actors);
        expect([...said.values()].filter((type) => type !== 'left')).toEqual([]);
        expect(await stage.keys()).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  }, 60_000);
});
