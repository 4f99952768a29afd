import fc from 'fast-check';
import type { TokenFrame } from '../../protocol/frames';
import { FakeBridge } from './fake-bridge';
import { FakeClock, settled } from './fake-clock';
import { numbered, startChat, startRig, tokenOf, type Rig } from './fixture';

type Step =
  | { readonly do: 'publish' | 'lose' | 'forget' | 'reserve' | 'offline-and-on' }
  | { readonly do: 'abridge'; readonly whether: boolean }
  | { readonly do: 'deliver'; readonly socket: number; readonly count: number }
  | { readonly do: 'cut'; readonly socket: number; readonly arriving: number; readonly code: number }
  | { readonly do: 'die'; readonly socket: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'say'; readonly socket: number; readonly text: string }
  | { readonly do: 'renumber'; readonly socket: number; readonly by: number }
  | { readonly do: 'mislead'; readonly by: number }
  | { readonly do: 'reuse-epochs'; readonly whether: boolean };

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
/** Frames that no bridge should send. */
const NONSENSE = [
  '{"type":"bridge.',
  '{"type":"bridge.gap","data":{}}',
  '{"type":"bridge.gap","data":{"reason":"redis","epoch":"e","offset":-1}}',
  '{"type":"bridge.gap","data":{"reason":"redis","epoch":"e","offset":1e300}}',
  '{"type":"bridge.ready","data":{"epoch":"evil","offset":0,"resumed":true,"session":"s1"}}',
  '{"type":"bridge.ready","data":{"epoch":"evil","offset":0,"resumed":false,"session":"s1"}}',
  '{"type":"bridge.ready","data":null}',
  '{"type":"bridge.ack","data":{}}',
  '{"type":"bridge.news"}',
];
const by = fc.integer({ min: -12, max: 12 });
const hostile: fc.Arbitrary<Step>[] = [
  ...lossy,
  fc.record({ do: fc.constant('say'), socket, text: fc.constantFrom(...NONSENSE) }),
  fc.record({ do: fc.constant('renumber'), socket, by }),
  fc.record({ do: fc.constant('mislead'), by: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constant('reuse-epochs'), whether: fc.boolean() }),
];
const WRONG: Step[][] = [[], [{ do: 'forget' }], [{ do: 'reserve' }], [{ do: 'abridge', whether: true }]];
const losslessRun = runOf([...lossless.map(one), overlap(fc.constant([]))]);
const lossyRun = runOf([...lossy.map(one), overlap(fc.constantFrom(...WRONG))]);
const hostileRun = runOf([
  ...hostile.map(one),
  overlap(fc.oneof(fc.constantFrom(...WRONG), ...hostile.map(one))),
]);

/** The application was told this: a frame's number, or a gap with how many frames there were then. */
type Told = number | { readonly published: number };

/** A rig after a run, with what its application was told. */
interface Outcome {
  readonly rig: Rig;
  readonly told: readonly Told[];
}

/** A client of either kind, and what happens around it. */
type Run = readonly [start: typeof startRig | typeof startChat, steps: readonly Step[]];

function runOf(steps: fc.Arbitrary<Step[]>[]): fc.Arbitrary<Run> {
  return fc.tuple(
    fc.constantFrom(startRig, startChat),
    fc.array(fc.oneof(...steps), { maxLength: 40 }).map((each) => each.flat()),
  );
}

/** Runs the steps on a client that is open, then heals everything and publishes once more. */
async function run([start, steps]: Run): Promise<Outcome> {
  const clock = new FakeClock();
  // Each connection is replaced after about 5 seconds, so that take-overs are under way most of the time.
  const token = (): string => tokenOf(clock.now() + 7_500);
  const times = { renewBeforeMs: 2_000, idleTimeoutMs: 8_000 };
  const rig: Rig = await start({ token, ...times }, new FakeBridge(), clock);
  const told: Told[] = [];
  rig.client.on('frame', (frame) => told.push((frame as TokenFrame).data.index));
  rig.client.on('gap', () => told.push({ published: rig.bridge.length }));
  rig.network.prompt = false;
  for (const step of steps) await perform(rig, step);
  await heal(rig);
  return { rig, told };
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
  if (step.do === 'say') chosen?.peer.send(step.text);
  if (step.do === 'renumber' && chosen && bridge.peers.has(chosen.peer)) {
    bridge.renumber(chosen.peer, step.by);
  }
  if (step.do === 'mislead') bridge.misleads = step.by;
  if (step.do === 'reuse-epochs') bridge.reusesEpochs = step.whether;
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

/**
 * Frames that were lost were lost before a gap: the first frame after it is no later than the first one that was published
 * after the application was told, since what it asks for then is the state of that time.
 * @param twice whether frames may be told twice
 */
function expectNoSilentLoss(told: readonly Told[], twice: boolean): void {
  let expected = 0;
  let latest = 0;
  for (const each of told) {
    if (typeof each === 'number') {
      expect(each).toBeGreaterThanOrEqual(twice ? 0 : expected);
      expect(each).toBeLessThanOrEqual(latest);
      expected = Math.max(expected, each + 1);
    }
    latest = typeof each === 'number' ? expected : Math.max(expected, each.published);
  }
}

// Three hundred runs are seconds of work, and many more on a machine that is busy.
jest.setTimeout(240_000);

describe('under random deliveries, cuts, dead peers and take-overs', () => {
  it('the application sees each frame exactly once and in order', async () => {
    await fc.assert(
      fc.asyncProperty(losslessRun, async (each) => {
        const { rig, told } = await run(each);
        expect(told).toEqual([...Array(rig.bridge.length).keys()]);
        rig.client.close();
        expect(rig.clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('frames that are lost are told by a gap where they would be, and none is told twice', async () => {
    await fc.assert(
      fc.asyncProperty(lossyRun, async (each) => {
        const { rig, told } = await run(each);
        expectNoSilentLoss(told, false);
        rig.client.close();
      }),
      { numRuns: 300 },
    );
  });

  it('no frame is lost without a gap, whatever a bridge says of offsets and epochs', async () => {
    await fc.assert(
      fc.asyncProperty(hostileRun, async (each) => {
        const { rig, told } = await run(each);
        expectNoSilentLoss(told, true);
        rig.client.close();
        expect(rig.clock.pending).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
