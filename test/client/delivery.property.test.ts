import fc from 'fast-check';
import { FakeBridge } from './fake-bridge';
import { FakeClock, settled } from './fake-clock';
import { numbered, startRig, tokenOf, type Rig } from './fixture';

type Step =
  | { readonly do: 'publish' | 'lose' | 'forget' | 'reserve' | 'offline-and-on' }
  | { readonly do: 'abridge'; readonly whether: boolean }
  | { readonly do: 'deliver'; readonly socket: number; readonly count: number }
  | { readonly do: 'cut'; readonly socket: number; readonly arriving: number; readonly code: number }
  | { readonly do: 'die'; readonly socket: number }
  | { readonly do: 'wait'; readonly ms: number };

const socket = fc.nat(2);
const one = (step: fc.Arbitrary<Step>): fc.Arbitrary<Step[]> => step.map((each) => [each]);
const publish: Step = { do: 'publish' };
const deliver = (which: number, count: number): Step => ({ do: 'deliver', socket: which, count });

/** A connection takes over from one that goes on delivering, frame by frame; what is to go wrong comes before it. */
function overlap(wrong: fc.Arbitrary<Step[]>): fc.Arbitrary<Step[]> {
  const meanwhile = fc.array(
    fc.oneof(
      fc.constant([publish]),
      fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 3 })).map(([which, count]) => [deliver(which, count)]),
    ),
    { minLength: 3, maxLength: 12 },
  );
  const renewed: Step[] = [deliver(0, 100), { do: 'wait', ms: 5_000 }];
  return fc.tuple(wrong, meanwhile).map(([steps, rest]) => [...steps, ...renewed, ...rest.flat()]);
}

const lossless: fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant('publish') }),
  fc.record({ do: fc.constant('publish') }),
  fc.record({ do: fc.constant('deliver'), socket, count: fc.nat(4) }),
  fc.record({ do: fc.constant('deliver'), socket, count: fc.constant(100) }),
  fc.record({
    do: fc.constant('cut'),
    socket,
    arriving: fc.nat(5),
    code: fc.constantFrom(1001, 1006, 1012, 4401, 4408),
  }),
  fc.record({ do: fc.constant('die'), socket }),
  fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(1, 600, 5_000, 40_000) }),
  fc.record({ do: fc.constant('offline-and-on') }),
];
const lossy: fc.Arbitrary<Step>[] = [
  ...lossless,
  fc.record({ do: fc.constant('lose') }),
  fc.record({ do: fc.constant('forget') }),
  fc.record({ do: fc.constant('reserve') }),
  fc.record({ do: fc.constant('abridge'), whether: fc.boolean() }),
];
const WRONG: Step[][] = [[], [{ do: 'forget' }], [{ do: 'reserve' }], [{ do: 'abridge', whether: true }]];
const losslessRun = runOf([...lossless.map(one), overlap(fc.constant([]))]);
const lossyRun = runOf([...lossy.map(one), overlap(fc.constantFrom(...WRONG))]);

function runOf(steps: fc.Arbitrary<Step[]>[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...steps), { maxLength: 40 }).map((each) => each.flat());
}

/** Runs the steps on a client that is open, then heals everything and publishes once more. */
async function run(steps: readonly Step[]): Promise<Rig> {
  const clock = new FakeClock();
  // Each connection is replaced after about 5 seconds, so that take-overs are under way most of the time.
  const token = (): string => tokenOf(clock.now() + 7_500);
  const times = { renewBeforeMs: 2_000, idleTimeoutMs: 8_000 };
  const rig = await startRig({ token, ...times }, new FakeBridge(), clock);
  rig.network.prompt = false;
  for (const step of steps) await perform(rig, step);
  await heal(rig);
  return rig;
}

async function perform({ bridge, network, clock, surroundings }: Rig, step: Step): Promise<void> {
  // Sockets are counted from the latest backwards: those before are gone.
  const chosen = 'socket' in step ? network.sockets.at(-1 - step.socket) : undefined;
  if (step.do === 'publish') bridge.publish(numbered(bridge.length));
  if (step.do === 'lose') bridge.publishLost(numbered(bridge.length));
  if (step.do === 'forget') bridge.forget();
  if (step.do === 'reserve') bridge.publishReserved();
  if (step.do === 'abridge') bridge.abridges = step.whether;
  if (step.do === 'deliver') chosen?.deliver(step.count);
  if (step.do === 'cut' && chosen?.readyState !== 3) chosen?.lose(step.code, step.arriving);
  if (step.do === 'die' && chosen) chosen.dead = true;
  if (step.do === 'wait') await clock.advance(step.ms);
  if (step.do === 'offline-and-on') {
    await surroundings.tell('offline');
    await surroundings.tell('online');
  }
  await settled();
}

async function heal({ bridge, network, clock, told }: Rig): Promise<void> {
  network.prompt = true;
  for (let round = 0; round < 40; round += 1) {
    for (const each of network.sockets) each.deliver();
    await clock.advance(2_000);
  }
  const last = bridge.length;
  bridge.publish(numbered(last));
  await settled();
  expect(told.at(-1)).toBe(last);
}

/** What was told, without the states. */
function delivered({ told }: Rig): (number | string)[] {
  return told.filter((each) => typeof each === 'number' || each === 'gap');
}

describe('under random deliveries, cuts, dead peers and take-overs', () => {
  it('the application sees each frame exactly once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(losslessRun, async (steps) => {
        const rig = await run(steps);
        expect(delivered(rig)).toEqual([...Array(rig.bridge.length).keys()]);
        rig.client.close();
        expect(rig.clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('frames that are lost are told by a gap where they would be, and none is told twice', async () => {
    await fc.assert(
      fc.asyncProperty(lossyRun, async (steps) => {
        const rig = await run(steps);
        let expected = 0;
        let excused = false;
        for (const each of delivered(rig)) {
          if (typeof each === 'number') {
            expect(each).toBeGreaterThanOrEqual(expected);
            expect(excused || each === expected).toBe(true);
            expected = each + 1;
          }
          excused = each === 'gap';
        }
        rig.client.close();
      }),
      { numRuns: 300 },
    );
  });
});
