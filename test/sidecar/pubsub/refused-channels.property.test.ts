import fc from 'fast-check';
import { gatherCommands, type SubscriberConnection } from '../../../sidecar/pubsub/gathered-subscriber';
import { SingleChannels } from '../../../sidecar/pubsub/single-channels';

interface Command {
  readonly run: () => void;
  readonly fail: () => void;
}

/** A connection to a Redis that allows some channels, and takes its commands in their order when the test lets it. */
class StrictRedis implements SubscriberConnection {
  readonly held = new Set<string>();
  readonly forbidden = new Set<string>();
  resets = 0;
  #commands: Command[] = [];

  get isQuiet(): boolean {
    return this.#commands.length === 0;
  }

  subscribe(channels: readonly string[]): Promise<unknown> {
    return this.#taken(() => {
      if (channels.some((channel) => this.forbidden.has(channel))) return new Error('NOPERM no such channel');
      for (const channel of channels) this.held.add(channel);
      return undefined;
    });
  }
  unsubscribe(channels: readonly string[]): Promise<unknown> {
    return this.#taken(() => {
      for (const channel of channels) this.held.delete(channel);
      return undefined;
    });
  }
  ping(): Promise<unknown> {
    return this.#taken(() => undefined);
  }
  reset(): void {
    this.resets += 1;
  }

  serve(): void {
    this.#commands.shift()?.run();
  }
  lose(): void {
    this.held.clear();
    for (const { fail } of this.#commands.splice(0)) fail();
  }

  /** @param act returns why it refuses */
  #taken(act: () => Error | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        const refusal = act();
        if (refusal === undefined) resolve();
        else reject(refusal);
      };
      const fail = (): void => {
        reject(new Error('Connection is closed.'));
      };
      this.#commands.push({ run, fail });
    });
  }
}

const CHANNELS = ['a', 'b', 'c', 'd'];
const channel = fc.constantFrom(...CHANNELS);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), channel }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), index: fc.nat(20) }) },
  { weight: 6, arbitrary: fc.constant({ do: 'serve' as const }) },
  { weight: 4, arbitrary: fc.constant({ do: 'settle' as const }) },
  // Redis ends the connections of a user who loses the right to one of their channels.
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forbid' as const), channel }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('allow' as const), channel }) },
);

interface Member {
  readonly channel: string;
  isIn: boolean;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('every member of a channel is heard for, or is told that Redis does not allow it, whatever came in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const redis = new StrictRedis();
      const members: Member[] = [];
      const subscriptions = new SingleChannels<Member>(gatherCommands(redis), (_, refused) => {
        for (const member of [...refused]) member.isIn = false;
      });
      void subscriptions.up();
      const reconnect = (): void => {
        redis.resets = 0;
        redis.lose();
        subscriptions.down();
        void subscriptions.up();
      };
      for (const taken of steps) {
        switch (taken.do) {
          case 'join': {
            const member = { channel: taken.channel, isIn: true };
            members.push(member);
            subscriptions.join(taken.channel, member).catch(() => (member.isIn = false));
            break;
          }
          case 'leave': {
            const member = members[taken.index % Math.max(1, members.length)];
            if (member === undefined) break;
            member.isIn = false;
            subscriptions.leave(member.channel, member);
            break;
          }
          case 'serve':
            redis.serve();
            break;
          case 'forbid':
            redis.forbidden.add(taken.channel);
            reconnect();
            break;
          case 'allow':
            redis.forbidden.delete(taken.channel);
            break;
          case 'settle':
            await settled();
        }
        if (redis.resets > 0) reconnect();
      }
      for (let round = 0; round < 60; round += 1) {
        if (redis.resets > 0) reconnect();
        redis.serve();
        await settled();
      }
      const wanted = new Set(members.filter(({ isIn }) => isIn).map((member) => member.channel));
      expect([redis.isQuiet, [...redis.held].sort()]).toEqual([true, [...wanted].sort()]);
      expect(subscriptions.size).toBe(wanted.size);
    }),
    { numRuns: 500 },
  );
});
