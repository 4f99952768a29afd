import fc from 'fast-check';
import {
  CHANNELS_MADE_AGAIN,
  SingleChannels,
  SUBSCRIBES_AT_ONCE,
} from '../../../sidecar/pubsub/single-channels';
import { SubscriptionError } from '../../../sidecar/pubsub/channel-registry';
import type { RefusedChannels, SubscribeCommands } from '../../../sidecar/pubsub/subscribe-commands';

interface Sent {
  readonly change: 'subscribe' | 'unsubscribe' | 'ping';
  readonly channels: readonly string[];
  readonly settle: { resolve: () => void; reject: (error: Error) => void };
}

/**
 * A connection and the Redis behind it: commands wait in order until Redis takes the next, and a lost
 * connection loses them and every subscription.
 */
class SlowRedis implements SubscribeCommands {
  readonly subscribed = new Set<string>();
  readonly sent: Sent[] = [];
  readonly log: string[] = [];
  resets = 0;

  #held: Promise<void> | undefined;
  /** Channels that Redis does not allow. */
  readonly forbidden = new Set<string>();

  async subscribe(channels: readonly string[]): Promise<RefusedChannels> {
    const held = this.#held;
    this.#held = undefined;
    await this.#send('subscribe', channels);
    await held;
    const refused = channels.filter((channel) => this.forbidden.has(channel));
    return new Map(refused.map((channel) => [channel, new Error('NOPERM')]));
  }
  unsubscribe(channels: readonly string[]): Promise<void> {
    return this.#send('unsubscribe', channels);
  }
  ping(): Promise<void> {
    return this.#send('ping', []);
  }
  reset(): void {
    this.resets += 1;
  }

  /** The next SUBSCRIBE has to be sent once more. @returns lets that be answered */
  hold(): () => void {
    let release = (): void => undefined;
    this.#held = new Promise<void>((resolve) => (release = resolve));
    return release;
  }

  answerNext(): void {
    const next = this.sent.shift();
    if (next === undefined) return;
    for (const channel of next.channels) {
      if (next.change === 'subscribe') this.subscribed.add(channel);
      else this.subscribed.delete(channel);
    }
    next.settle.resolve();
  }
  answerAll(): void {
    while (this.sent.length > 0) this.answerNext();
  }
  /** An error reply, which Redis has for SUBSCRIBE only. */
  refuseNext(): void {
    if (this.sent[0]?.change === 'subscribe') this.sent.shift()?.settle.reject(new Error('NOPERM'));
  }
  /** The answer does not come in time; the command is still on its way. */
  delayNext(): void {
    this.sent[0]?.settle.reject(new Error('Command timed out'));
  }
  lose(): void {
    this.subscribed.clear();
    for (const { settle } of this.sent.splice(0)) settle.reject(new Error('Connection is closed.'));
  }

  #send(change: Sent['change'], channels: readonly string[]): Promise<void> {
    this.log.push(`${change} ${channels.join(' ')}`);
    return new Promise<void>((resolve, reject) => {
      this.sent.push({ change, channels, settle: { resolve, reject } });
    });
  }
}

function connected(): { redis: SlowRedis; subscriptions: SingleChannels<object> } {
  const redis = new SlowRedis();
  const subscriptions = new SingleChannels<object>(redis);
  void subscriptions.up();
  return { redis, subscriptions };
}

/** Its subscriptions were made, and are lost. */
async function connectedWith(count: number) {
  const { redis, subscriptions } = connected();
  const members = Array.from({ length: count }, () => ({}));
  const joins = members.map((member, index) => subscriptions.join(`c${index}`, member));
  redis.answerAll();
  await Promise.all(joins);
  redis.lose();
  subscriptions.down();
  return { redis, subscriptions, members };
}

/** So many channels are made again before the others. */
const LOST_BEFORE = CHANNELS_MADE_AGAIN * SUBSCRIBES_AT_ONCE;

/** Lets every promise that can settle do so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('subscriptions', () => {
  it('are made once however many want the channel, and ended when the last leaves', async () => {
    const { redis, subscriptions } = connected();
    const [a, b] = [{}, {}];
    const joins = Promise.all([subscriptions.join('c', a), subscriptions.join('c', b)]);
    redis.answerAll();
    await joins;
    subscriptions.leave('c', a);
    expect(redis.log).toEqual(['subscribe c']);
    subscriptions.leave('c', b);
    expect(redis.log).toEqual(['subscribe c', 'unsubscribe c']);
    expect(subscriptions.size).toBe(0);
  });

  it('let a member in only when Redis has acknowledged, the second like the first', async () => {
    const { redis, subscriptions } = connected();
    let joined = 0;
    const count = (): number => (joined += 1);
    const joins = [subscriptions.join('c', {}).then(count), subscriptions.join('c', {}).then(count)];
    await settled();
    expect(joined).toBe(0);
    redis.answerNext();
    await Promise.all(joins);
    expect(joined).toBe(2);
  });

  it('end when the last leaves while SUBSCRIBE is in flight', async () => {
    const { redis, subscriptions } = connected();
    const member = {};
    const join = subscriptions.join('c', member);
    subscriptions.leave('c', member);
    redis.answerAll();
    await join;
    expect([...redis.subscribed]).toEqual([]);
    expect(subscriptions.size).toBe(0);
  });

  it('hold for who joins while UNSUBSCRIBE is in flight', async () => {
    const { redis, subscriptions } = connected();
    const first = {};
    const join = subscriptions.join('c', first);
    redis.answerAll();
    await join;
    subscriptions.leave('c', first);
    const again = subscriptions.join('c', {});
    redis.answerAll();
    await again;
    expect([...redis.subscribed]).toEqual(['c']);
  });

  it('are refused while Redis is away, also on a channel that has members', async () => {
    const { redis, subscriptions } = connected();
    const join = subscriptions.join('c', {});
    redis.answerAll();
    await join;
    redis.lose();
    subscriptions.down();
    await expect(subscriptions.join('c', {})).rejects.toThrow(SubscriptionError);
    expect(subscriptions.members('c').size).toBe(1);
  });

  it('that are lost with the connection let nobody in and leave nothing behind', async () => {
    const { redis, subscriptions } = connected();
    const join = subscriptions.join('c', {});
    redis.lose();
    subscriptions.down();
    await expect(join).rejects.toThrow(SubscriptionError);
    expect(subscriptions.size).toBe(0);
  });

  it('are made again when the connection is back, for those channels alone that have members', async () => {
    const { redis, subscriptions } = connected();
    const [leaver, stayer] = [{}, {}];
    const joins = Promise.all([subscriptions.join('a', leaver), subscriptions.join('b', stayer)]);
    redis.answerAll();
    await joins;
    redis.lose();
    subscriptions.down();
    subscriptions.leave('a', leaver);
    redis.log.length = 0;
    void subscriptions.up();
    expect(redis.log).toEqual(['subscribe b']);
    redis.answerAll();
    expect([...redis.subscribed]).toEqual(['b']);
  });

  it('that are being made again let nobody in before Redis has acknowledged', async () => {
    const { redis, subscriptions } = connected();
    const join = subscriptions.join('c', {});
    redis.answerAll();
    await join;
    redis.lose();
    subscriptions.down();
    void subscriptions.up();
    let joined = false;
    const late = subscriptions.join('c', {}).then(() => (joined = true));
    await settled();
    expect(joined).toBe(false);
    redis.answerAll();
    expect(await late).toBe(true);
  });

  it('are made again in batches of 256, of which two wait for Redis at any time', async () => {
    const { redis, subscriptions } = await connectedWith(1000);
    const up = subscriptions.up();
    const sent = (): number[] => redis.sent.map(({ channels }) => channels.length);
    expect(sent()).toEqual([256, 256]);
    redis.answerNext();
    await settled();
    expect(sent()).toEqual([256, 256]);
    redis.answerAll();
    await settled();
    expect([sent(), subscriptions.isLive()]).toEqual([[232], false]);
    redis.answerAll();
    expect([await up, subscriptions.isLive(), redis.subscribed.size]).toEqual([true, true, 1000]);
  });

  it('are made again at once for who joins a channel whose turn has not come, and only once', async () => {
    const { redis, subscriptions } = await connectedWith(514);
    const up = subscriptions.up();
    let joined = false;
    const join = subscriptions.join('c513', {}).then(() => (joined = true));
    expect(redis.sent.at(-1)?.channels).toEqual(['c513']);
    redis.answerNext();
    await settled();
    expect([joined, redis.sent.at(-1)?.channels]).toEqual([false, ['c512']]);
    redis.answerAll();
    await join;
    expect([await up, redis.subscribed.size]).toEqual([true, 514]);
  });

  it('are not ended that are not made again yet', async () => {
    const { redis, subscriptions, members } = await connectedWith(513);
    const up = subscriptions.up();
    const log = redis.log.length;
    subscriptions.leave('c512', members[512] ?? {});
    expect(redis.log).toHaveLength(log);
    redis.answerAll();
    expect([await up, redis.subscribed.size]).toEqual([true, 512]);
  });

  it('are not made again any more once the connection is lost again', async () => {
    const { redis, subscriptions } = await connectedWith(2000);
    const up = subscriptions.up();
    redis.answerNext();
    redis.lose();
    subscriptions.down();
    await settled();
    expect([await up, redis.sent]).toEqual([false, []]);
  });

  it('that cannot be made again give the connection up, because members would hear nothing', async () => {
    const { redis, subscriptions } = connected();
    const join = subscriptions.join('c', {});
    redis.answerAll();
    await join;
    redis.lose();
    subscriptions.down();
    void subscriptions.up();
    redis.refuseNext();
    await settled();
    expect(redis.resets).toBe(1);
  });

  it('tell who was there before when one that comes while they are made again is refused the channel', async () => {
    const told: string[] = [];
    const redis = new SlowRedis();
    const subscriptions = new SingleChannels<object>(redis, (channel, refused) => {
      if ([...refused].includes(members.at(-1) ?? {})) told.push(channel);
    });
    const members = Array.from({ length: LOST_BEFORE + 1 }, () => ({}));
    void subscriptions.up();
    const joins = members.map((member, index) => subscriptions.join(`c${index}`, member));
    redis.answerAll();
    await Promise.all(joins);
    redis.lose();
    subscriptions.down();
    void subscriptions.up();
    const last = `c${LOST_BEFORE}`;
    redis.forbidden.add(last);
    const joining = Promise.allSettled([subscriptions.join(last, {}), subscriptions.join(last, {})]);
    for (let round = 0; round < 8; round += 1) {
      redis.answerAll();
      await settled();
    }
    expect(await joining).toMatchObject([
      { reason: { name: 'RefusedChannelError' } },
      { reason: { name: 'RefusedChannelError' } },
    ]);
    expect([told, subscriptions.size, subscriptions.isLive()]).toEqual([[last], LOST_BEFORE, true]);
  });

  it('are back only once those are that somebody joined before their turn, however often Redis is asked for them', async () => {
    const { redis, subscriptions } = await connectedWith(LOST_BEFORE + 1);
    let isBack: boolean | undefined;
    void subscriptions.up().then((back) => (isBack = back));
    // It was refused for another channel, and is asked for once more.
    const again = redis.hold();
    const joining = subscriptions.join(`c${LOST_BEFORE}`, {});
    for (let round = 0; round < 8; round += 1) {
      redis.answerAll();
      await settled();
    }
    expect([isBack, subscriptions.isLive()]).toEqual([undefined, false]);
    again();
    await joining;
    await settled();
    expect([isBack, subscriptions.isLive()]).toEqual([true, true]);
  });

  it('are lost with a connection on which one of the bridge itself was refused, for who joined meanwhile', async () => {
    const redis = new SlowRedis();
    redis.subscribe = (channels) =>
      Promise.resolve(new Map(channels.includes('own') ? [['own', new Error('NOPERM')]] : []));
    const subscriptions = new SingleChannels<object>(redis);
    subscriptions.pin('own', {});
    const up = subscriptions.up();
    await subscriptions.join('c', {});
    expect(await up).toBe(false);
    expect([subscriptions.down(), subscriptions.down()]).toEqual([true, false]);
  });

  it('follow membership under any interleaving of joins, leaves, answers and lost connections', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), channel: channels() }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), index: fc.nat(20) }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('delay' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { redis, subscriptions } = connected();
        const members: { channel: string; in: boolean | undefined; left: boolean }[] = [];
        for (const taken of steps) {
          if (taken.do === 'join') join(taken.channel);
          if (taken.do === 'leave') leave(taken.index);
          if (taken.do === 'answer') redis.answerNext();
          if (taken.do === 'refuse') redis.refuseNext();
          if (taken.do === 'delay') redis.delayNext();
          if (taken.do === 'lose') reconnect();
          if (taken.do === 'settle') await settled();
          while (redis.resets > 0) reconnect();
        }
        await quiesce();

        const present = members.filter((member) => member.in === true && !member.left);
        expect(members.filter((member) => member.in === undefined)).toEqual([]);
        for (const channel of ['a', 'b', 'c']) {
          const expected = present.filter((member) => member.channel === channel);
          expect([...subscriptions.members(channel)]).toEqual(expected);
        }
        expect(redis.subscribed).toEqual(new Set(present.map((member) => member.channel)));
        expect(subscriptions.size).toBe(redis.subscribed.size);

        function join(channel: string): void {
          const member = { channel, in: undefined as boolean | undefined, left: false };
          members.push(member);
          subscriptions.join(channel, member).then(
            () => {
              // An acknowledged member that stayed is one that Redis publishes to.
              if (!member.left) expect(subscriptions.members(channel)).toContain(member);
              member.in = true;
            },
            () => (member.in = false),
          );
        }
        function leave(index: number): void {
          const member = members[index % Math.max(1, members.length)];
          if (member === undefined) return;
          member.left = true;
          subscriptions.leave(member.channel, member);
        }
        function reconnect(): void {
          redis.resets = 0;
          redis.lose();
          subscriptions.down();
          void subscriptions.up();
        }
        async function quiesce(): Promise<void> {
          do {
            if (redis.resets > 0) reconnect();
            redis.answerAll();
            await settled();
          } while (redis.sent.length > 0 || redis.resets > 0);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('whether all that was published has arrived', () => {
  async function restored(): Promise<ReturnType<typeof connected>> {
    const made = connected();
    await settled();
    return made;
  }

  it('is known when Redis answers behind it', async () => {
    const { redis, subscriptions } = await restored();
    let known = false;
    const arrived = subscriptions.arrived().then(() => (known = true));
    await settled();
    expect([known, redis.log]).toEqual([false, ['ping ']]);
    redis.answerNext();
    expect(await arrived).toBe(true);
  });

  it('is not known before the subscriptions are back, nor when the connection is lost', async () => {
    const { redis, subscriptions } = connected();
    await expect(subscriptions.arrived()).rejects.toThrow(SubscriptionError);
    await settled();
    const arrived = Promise.allSettled([subscriptions.arrived()]);
    redis.lose();
    subscriptions.down();
    expect(await arrived).toMatchObject([{ reason: { name: 'SubscriptionError' } }]);
    await expect(subscriptions.arrived()).rejects.toThrow(SubscriptionError);
  });

  it('is not known of another connection than it was asked on', async () => {
    const { redis, subscriptions } = await restored();
    const arrived = Promise.allSettled([subscriptions.arrived()]);
    subscriptions.down();
    void subscriptions.up();
    redis.answerAll();
    expect(await arrived).toMatchObject([{ reason: { name: 'SubscriptionError' } }]);
  });
});

function channels(): fc.Arbitrary<string> {
  return fc.constantFrom('a', 'b', 'c');
}
