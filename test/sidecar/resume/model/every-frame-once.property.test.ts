import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { World, type Step } from './world';

const RUNS = Number(process.env['RUNS'] ?? 300);
/** So many steps are tried in every combination. */
const DEPTH = Number(process.env['DEPTH'] ?? 2);
const [BRIDGES, CLIENTS] = [2, 2];

// Deadlines of handovers are the model's: it says when they are over.
beforeAll(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance', 'Date'] });
});
afterAll(() => {
  jest.useRealTimers();
});

const bridge = fc.nat(BRIDGES - 1);
const client = fc.nat(CLIENTS - 1);
const of = <Name extends Step['do']>(...names: readonly Name[]) => fc.constantFrom(...names);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ do: 'publish' } as const) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'flood' }, { do: 'oversize' }) },
  { weight: 6, arbitrary: fc.record({ do: of('hear'), bridge, count: fc.constantFrom(1, 2, 100) }) },
  { weight: 5, arbitrary: fc.record({ do: of('join'), client, bridge }) },
  { weight: 2, arbitrary: fc.record({ do: of('oldest'), client, bridge }) },
  { weight: 4, arbitrary: fc.record({ do: of('take'), client }) },
  { weight: 4, arbitrary: fc.record({ do: of('cut', 'stall'), client }) },
  { weight: 2, arbitrary: fc.record({ do: of('lose', 'restore', 'drain', 'kill'), bridge }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' } as const) },
);

/** A step of the model. The model itself knows nothing: each client holds the property. */
class Command implements fc.AsyncCommand<object, World> {
  readonly step: Step;

  constructor(each: Step) {
    this.step = each;
  }

  check(): boolean {
    return true;
  }

  async run(_: object, world: World): Promise<void> {
    await world.perform(this.step);
  }

  toString(): string {
    return JSON.stringify(this.step);
  }
}

describe('every client of a session', () => {
  it('gets each frame once and in order, or a gap where frames are missing', async () => {
    const commands = fc.commands([step.map((each) => new Command(each))], { maxCommands: 60, size: 'max' });
    await fc.assert(
      fc.asyncProperty(commands, fc.boolean(), async (each, isClaimed) => {
        const world = await World.start(BRIDGES, CLIENTS, isClaimed);
        await fc.asyncModelRun(() => ({ model: {}, real: world }), each);
        expect(await world.end()).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  }, 600_000);

  it('is told of no whole stream where another left in the middle of the handshake that began it', async () => {
    const steps: readonly Step[] = [
      { do: 'join', client: 1, bridge: 1 },
      { do: 'join', client: 0, bridge: 0 },
      { do: 'hear', bridge: 1, count: 100 },
      { do: 'kill', bridge: 1 },
      { do: 'oldest', client: 1, bridge: 0 },
      { do: 'cut', client: 0 },
      { do: 'flood' },
    ];
    const world = await World.start(BRIDGES, CLIENTS, true);
    for (const each of steps) await world.perform(each);
    expect(await world.end()).toEqual([]);
  });

  const open: readonly Step[] = [
    { do: 'join', client: 0, bridge: 0 },
    { do: 'hear', bridge: 0, count: 100 },
    { do: 'publish' },
    { do: 'hear', bridge: 0, count: 100 },
    { do: 'take', client: 0 },
  ];

  const left: readonly Step[] = [...open, { do: 'cut', client: 0 }, { do: 'publish' }];
  /** Each bridge hears what came twice: its subscription's answer, then what follows from it. */
  const markerOnItsWay: readonly Step[] = [
    ...left,
    { do: 'join', client: 0, bridge: 1 },
    ...[1, 1, 0, 0].map((each) => ({ do: 'hear', bridge: each, count: 100 }) as const),
  ];

  const lostToRedis: readonly Step[] = [
    { do: 'join', client: 0, bridge: 0 },
    { do: 'hear', bridge: 0, count: 100 },
    { do: 'lose', bridge: 0 },
    { do: 'publish' },
    { do: 'restore', bridge: 0 },
    { do: 'hear', bridge: 0, count: 100 },
  ];

  it.each<[string, readonly Step[]]>([
    ['an open client', open],
    ['a client whose bridge lost Redis', lostToRedis],
    ['a client that left', left],
    ['a client that comes to another bridge', [...left, { do: 'join', client: 0, bridge: 1 }]],
    ['a client whose marker is on its way', markerOnItsWay],
    ['a client that takes nothing', [...open, { do: 'stall', client: 0 }, { do: 'flood' }]],
  ])(
    `so it is after any ${DEPTH} steps from %s`,
    async (_, before) => {
      const broken: string[] = [];
      for (const steps of sequences(SMALL, DEPTH)) {
        for (const isClaimed of [true, false]) {
          const world = await World.start(BRIDGES, 1, isClaimed);
          for (const each of [...before, ...steps]) await world.perform(each);
          const faults = await world.end();
          if (faults.length > 0) broken.push(`${faults.join(', ')}: ${JSON.stringify(steps)}`);
        }
      }
      expect(broken).toEqual([]);
    },
    600_000,
  );
});

/** The steps of one client at two bridges. */
const SMALL: readonly Step[] = [
  { do: 'publish' },
  { do: 'flood' },
  { do: 'oversize' },
  { do: 'hear', bridge: 0, count: 1 },
  { do: 'hear', bridge: 0, count: 100 },
  { do: 'hear', bridge: 1, count: 1 },
  { do: 'hear', bridge: 1, count: 100 },
  { do: 'join', client: 0, bridge: 0 },
  { do: 'join', client: 0, bridge: 1 },
  { do: 'oldest', client: 0, bridge: 0 },
  { do: 'oldest', client: 0, bridge: 1 },
  { do: 'take', client: 0 },
  { do: 'cut', client: 0 },
  { do: 'lose', bridge: 0 },
  { do: 'restore', bridge: 0 },
  { do: 'kill', bridge: 0 },
  { do: 'wait' },
];

function* sequences(alphabet: readonly Step[], length: number): Generator<readonly Step[]> {
  if (length === 0) {
    yield [];
    return;
  }
  for (const first of alphabet) for (const rest of sequences(alphabet, length - 1)) yield [first, ...rest];
}
