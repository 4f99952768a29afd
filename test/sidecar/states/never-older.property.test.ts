import fc from 'fast-check';
import { takeAll } from '../all-steps';
import { settled, Socket, statesOn, TwoConnections } from './two-connections';

/** The steps that may come next, in any order; a service goes on with its own two steps in their order. */
type Step =
  'service' | 'open' | 'close' | 'serve read' | 'answer read' | 'serve ping' | 'arrive' | 'lose' | 'restore';

/** A service that sets and then publishes, a bridge that reads and pings, and sockets that come and go. */
class World {
  readonly redis: TwoConnections;
  readonly sockets: Socket[] = [];
  readonly all: Socket[] = [];
  published = 0;
  readonly #states;
  #isSet = false;
  #isAway = false;

  constructor(redis: TwoConnections) {
    this.redis = redis;
    this.#states = statesOn(redis, redis.read);
  }

  get looks(): number {
    return this.#states.size;
  }

  async take(step: Step): Promise<void> {
    this.#take(step);
    await settled();
  }

  /** All that is on its way arrives, and the service is at its end. */
  async end(): Promise<void> {
    if (this.#isSet) await this.take('service');
    await this.take('restore');
    while (!this.redis.isQuiet || this.looks > 0) {
      for (const step of ['serve read', 'answer read', 'serve ping', 'arrive'] as const)
        await this.take(step);
    }
  }

  #take(step: Step): void {
    switch (step) {
      case 'service':
        if (this.#isSet) this.redis.publish(`${this.published}`);
        else this.redis.set(`${(this.published += 1)}`);
        this.#isSet = !this.#isSet;
        return;
      case 'open': {
        if (this.#isAway) return;
        const socket = new Socket(this.#states);
        this.sockets.push(socket);
        this.all.push(socket);
        void this.redis.join('c', socket);
        this.#states.ask(socket);
        return;
      }
      case 'close': {
        const socket = this.sockets.shift();
        if (socket === undefined) return;
        this.#states.forget(socket);
        this.redis.leave('c', socket);
        return;
      }
      case 'serve read':
        this.redis.serveRead();
        return;
      case 'answer read':
        this.redis.answerRead();
        return;
      case 'serve ping':
        this.redis.servePing();
        return;
      case 'arrive':
        this.redis.arrive();
        return;
      case 'lose':
        if (this.#isAway) return;
        this.#isAway = true;
        this.redis.lose();
        takeAll(this.#states.lost(['c']));
        return;
      case 'restore':
        if (!this.#isAway) return;
        this.#isAway = false;
        this.redis.restore();
        this.#states.restored();
    }
  }
}

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Step>('service') },
    { weight: 8, arbitrary: fc.constantFrom<Step>('serve read', 'answer read', 'serve ping', 'arrive') },
    { weight: 2, arbitrary: fc.constantFrom<Step>('open', 'close') },
    { weight: 1, arbitrary: fc.constantFrom<Step>('lose', 'restore') },
  ),
  { minLength: 5, maxLength: 40 },
);

/** @param makeRedis whose bridge is judged */
function neverOlder(makeRedis: () => TwoConnections) {
  return fc.asyncProperty(steps, async (taken) => {
    const world = new World(makeRedis());
    await world.take('open');
    for (const step of taken) await world.take(step);
    await world.end();
    for (const { shown } of world.all) {
      const numbers = shown.map(Number);
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    }
    // Every socket has seen the newest, published before it came or while the subscription was away.
    for (const { shown } of world.sockets) {
      expect(shown.at(-1)).toBe(world.published === 0 ? undefined : `${world.published}`);
    }
  });
}

describe('a publish that races with a join', () => {
  it('never shows an older frame after a newer one, and leaves everybody with the newest', async () => {
    await fc.assert(
      neverOlder(() => new TwoConnections()),
      { numRuns: 1000 },
    );
  });

  it('would be found to show one by a bridge that does not wait for the messages before the answer', async () => {
    class Hasty extends TwoConnections {
      override arrived(): Promise<void> {
        return Promise.resolve();
      }
    }
    const found = await fc.check(
      neverOlder(() => new Hasty()),
      { numRuns: 1000 },
    );
    expect(found.failed).toBe(true);
  });
});
