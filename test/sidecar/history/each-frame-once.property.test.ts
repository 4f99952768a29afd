import fc from 'fast-check';
import { FarBridge, settled, SharedStream, Visitor } from './shared-stream';

type Step =
  | { readonly kind: 'append' }
  | {
      readonly kind: 'serve' | 'answer' | 'arrive' | 'lose' | 'restore' | 'fail' | 'kill' | 'look';
      readonly at: 0 | 1;
    }
  | { readonly kind: 'come'; readonly who: 0 | 1 | 2; readonly at: 0 | 1 }
  | { readonly kind: 'leave'; readonly who: 0 | 1 | 2 };

/** A service, two bridges, and clients that go from one to the other, two of them of one user. */
class World {
  readonly stream = new SharedStream();
  readonly visitors = ['alice', 'alice', 'bob'].map((owner) => new Visitor(owner));
  readonly #make: (stream: SharedStream) => FarBridge;
  readonly #bridges: [FarBridge, FarBridge];

  constructor(make: (stream: SharedStream) => FarBridge) {
    this.#make = make;
    this.#bridges = [make(this.stream), make(this.stream)];
  }

  async take(step: Step): Promise<void> {
    this.#take(step);
    await settled();
  }

  /** All that is on its way arrives, and everybody is somewhere. */
  async end(): Promise<void> {
    for (const bridge of this.#bridges) bridge.restore();
    await this.#calm();
    for (const visitor of this.visitors) {
      if (visitor.bridge === undefined) void visitor.come(this.#at(0));
      await this.#calm();
    }
  }

  async #calm(): Promise<void> {
    await settled();
    for (let round = 0; round < 200; round += 1) {
      for (const bridge of this.#bridges) {
        bridge.serve();
        bridge.answer();
        bridge.arrive();
        if (bridge.isQuiet && round % 10 === 0) bridge.wait(250);
      }
      await settled();
      if (round > 25 && this.#bridges.every(({ isQuiet }) => isQuiet)) return;
    }
    throw new Error('expected calm');
  }

  #at(index: 0 | 1): FarBridge {
    return this.#bridges[index];
  }

  #take(step: Step): void {
    switch (step.kind) {
      case 'append':
        this.stream.append();
        return;
      case 'come':
        void this.visitors[step.who]?.come(this.#at(step.at));
        return;
      case 'leave':
        this.visitors[step.who]?.leave();
        return;
      case 'kill': {
        const killed = this.#at(step.at);
        this.stream.bridges.delete(killed);
        killed.lose();
        killed.failQuestions();
        for (const visitor of this.visitors) if (visitor.bridge === killed) visitor.leave();
        this.#bridges[step.at] = this.#make(this.stream);
        return;
      }
      case 'fail':
        this.#at(step.at).failQuestions();
        return;
      case 'look':
        this.#at(step.at).wait(10_000);
        return;
      default:
        this.#at(step.at)[step.kind]();
    }
  }
}

const at = fc.constantFrom<0 | 1>(0, 1);
const who = fc.constantFrom<0 | 1 | 2>(0, 1, 2);
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant<Step>({ kind: 'append' }) },
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constantFrom('serve' as const, 'answer' as const, 'arrive' as const),
        at,
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('come' as const), who, at }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('lose' as const, 'restore' as const, 'look' as const),
        at,
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('kill' as const, 'fail' as const), at }) },
  ),
  { minLength: 10, maxLength: 80 },
);

/** @param make a bridge, which is judged */
function eachFrameOnce(make: (stream: SharedStream) => FarBridge) {
  return fc.asyncProperty(steps, async (taken) => {
    const world = new World(make);
    for (const step of taken) await world.take(step);
    await world.end();
    for (const { got, gaps, offset } of world.visitors) {
      const [first = 1] = got;
      expect({ gaps, offset, got }).toEqual({
        gaps: [],
        offset: world.stream.end,
        got: got.map((_, index) => first + index),
      });
      if (got.length > 0) expect(got.at(-1)).toBe(world.stream.end);
    }
  });
}

describe('frames that are appended while clients come and go, and bridges are killed or cut off', () => {
  it('come to each client once and in order, with no gap', async () => {
    await fc.assert(
      eachFrameOnce((stream) => new FarBridge(stream)),
      { numRuns: 300 },
    );
  });

  it('would be found missing or twice where the marker has no place among the messages', async () => {
    class Hasty extends FarBridge {
      override hear(channel: string, message: string): void {
        super.hear(channel, message);
        if (channel.startsWith('ws:mark:')) this.overtake();
      }
    }
    const found = await fc.check(
      eachFrameOnce((stream) => new Hasty(stream)),
      { numRuns: 300 },
    );
    expect(found.failed).toBe(true);
  });
});
