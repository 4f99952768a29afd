import { ReplyError } from 'ioredis';
import { keySlot } from '../../../redis/key-slot';
import { ClusterChannels, type ShardLink } from '../../../sidecar/pubsub/cluster-channels';
import type { Steps } from '../../../sidecar/lib/loop-shares';
import { takeAll } from '../all-steps';
import { SubscriptionError } from '../../../sidecar/pubsub/channel-registry';

/** An error that Redis says. */
function replyError(text: string): Error {
  return new (ReplyError as new (text: string) => Error)(text);
}

/** A `late` answer is one that nobody waited for. */
type Answer = 'yes' | 'moved' | 'late' | 'denied';

/** A master that answers when the test lets it, and counts as Redis does. */
class FakeLink implements ShardLink {
  isReady = true;
  resets = 0;
  readonly channels = new Set<string>();
  readonly asked: (readonly string[])[] = [];
  readonly unsubscribed: string[] = [];
  readonly #settle: ((answer: Answer) => void)[] = [];

  subscribe(channels: readonly string[]): Promise<unknown> {
    this.asked.push(channels);
    return new Promise((resolve, reject) => {
      this.#settle.push((answer) => {
        if (answer === 'moved') reject(replyError('MOVED 1 127.0.0.1:1'));
        else if (answer === 'denied') reject(replyError('NOPERM no permissions to access a channel'));
        else for (const channel of channels) this.channels.add(channel);
        if (answer === 'late') reject(new Error('Command timed out'));
        resolve(this.channels.size);
      });
    });
  }

  ping(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#settle.push((answer) => {
        if (answer === 'yes') resolve('PONG');
        else reject(new Error('Connection is closed.'));
      });
    });
  }

  unsubscribe(channel: string): void {
    this.unsubscribed.push(channel);
    this.channels.delete(channel);
  }

  count(): Promise<number> {
    if (this.#settle.length === 0) return Promise.resolve(this.channels.size);
    // Its answer comes behind those to all that was asked before.
    return new Promise((resolve) => {
      this.#settle.push(() => {
        resolve(this.channels.size);
      });
    });
  }

  reset(): void {
    this.resets += 1;
  }

  async answer(answer: Answer = 'yes'): Promise<void> {
    for (const settle of this.#settle.splice(0)) settle(answer);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const MEMBER = { name: 'member' };

let a: FakeLink;
let b: FakeLink;
let told: string[];
let whenTold: (act: () => void) => void;
let share: (steps: Steps) => void;
let subscriptions: ClusterChannels<object>;

beforeEach(() => {
  [a, b] = [new FakeLink(), new FakeLink()];
  told = [];
  whenTold = (act) => {
    act();
  };
  share = takeAll;
  subscriptions = new ClusterChannels({
    lost: (channels) => told.push(`lost ${[...channels].join(' ')}`),
    whenTold: (act) => {
      whenTold(act);
    },
    share: (steps) => {
      share(steps);
    },
    restored: () => told.push('restored'),
    refused: () => told.push('refused'),
    notAllowed: (channel) => told.push(`not allowed ${channel}`),
  });
  subscriptions.route(() => a);
});

async function joined(channel: string): Promise<void> {
  const joining = subscriptions.join(channel, MEMBER);
  await a.answer();
  await joining;
  told = [];
}

describe('sharded subscriptions', () => {
  it('move with their slot: lost at once, heard from the new master alone, back when it has confirmed', async () => {
    await joined('x');
    await joined('y');
    subscriptions.route((slot) => (slot === keySlot('x') ? b : a));
    expect([told, [...a.channels], subscriptions.isLive('x')]).toEqual([['lost x'], ['y'], false]);
    expect([...subscriptions.receivers('x', a)]).toEqual([]);
    await b.answer();
    expect([told, subscriptions.isLive('x')]).toEqual([['lost x', 'restored'], true]);
    expect([[...subscriptions.receivers('x', b)], [...subscriptions.receivers('x', a)]]).toEqual([
      [MEMBER],
      [],
    ]);
    expect([...subscriptions.receivers('y', a)]).toEqual([MEMBER]);
  });

  it('are told as back where they were lost, and not where they are new', async () => {
    const joining = subscriptions.join('x', MEMBER);
    await a.answer();
    await joining;
    expect(told).toEqual([]);
    subscriptions.route(() => b);
    await b.answer();
    expect(told).toEqual(['lost x', 'restored']);
  });

  it('that are lost before they are there for the first time are told as back', async () => {
    const joining = subscriptions.join('x', MEMBER);
    subscriptions.route(() => b);
    await b.answer();
    await a.answer();
    await joining;
    expect([told[0], told[1], subscriptions.isLive('x')]).toEqual(['lost x', 'restored', true]);
  });

  it('are told as back once a new one is there as well that was asked for before another was lost', async () => {
    await joined('x');
    subscriptions.route((slot) => (slot === keySlot('x') ? a : b));
    const joining = subscriptions.join('y', MEMBER);
    subscriptions.down(a);
    subscriptions.restore();
    await a.answer();
    expect([told, subscriptions.isLive('y')]).toEqual([['lost x', 'restored'], false]);
    await b.answer();
    await joining;
    expect([told, subscriptions.isLive('y')]).toEqual([['lost x', 'restored', 'restored'], true]);
  });

  it.each([
    ['after', ['lost x', 'restored', 'restored']],
    ['before', ['lost x', 'restored']],
  ])(
    'that are new where one was lost are told as back, confirmed %s everybody knew: they may have been taken for that one',
    async (when, expected) => {
      await joined('x');
      const waiting: (() => void)[] = [];
      whenTold = (act) => void waiting.push(act);
      subscriptions.route(() => b);
      subscriptions.leave('x', MEMBER);
      const joining = subscriptions.join('x', {});
      if (when === 'before') await b.answer();
      for (const act of waiting) act();
      if (when === 'after') await b.answer();
      await joining;
      expect([told, subscriptions.isLive('x')]).toEqual([expected, true]);
    },
  );

  it('of the bridge itself that Redis does not allow are asked for again and again, and told of once until they are there', async () => {
    subscriptions.pin('own', MEMBER);
    for (let round = 0; round < 3; round += 1) {
      subscriptions.route(() => a);
      await a.answer('denied');
    }
    expect([a.asked.length, told]).toEqual([3, ['not allowed own']]);
    subscriptions.route(() => a);
    await a.answer();
    expect(subscriptions.isLive('own')).toBe(true);
    subscriptions.route(() => b);
    await b.answer('denied');
    expect(told.filter((one) => one.startsWith('not allowed'))).toHaveLength(2);
  });

  it('of a lost connection are made again when there is one, those of a slot in one command', async () => {
    for (const channel of ['{s}1', '{s}2', 'other']) await joined(channel);
    a.isReady = false;
    subscriptions.down(a);
    expect(told).toEqual(['lost {s}1 {s}2 other']);
    await expect(subscriptions.join('{s}1', {})).rejects.toThrow(SubscriptionError);
    await expect(subscriptions.join('new', {})).rejects.toThrow(SubscriptionError);
    subscriptions.restore();
    a.isReady = true;
    a.asked.length = 0;
    subscriptions.restore();
    subscriptions.restore();
    expect(a.asked).toEqual([['{s}1', '{s}2'], ['other']]);
    await a.answer();
    expect([subscriptions.isWhole, subscriptions.isLive('other')]).toEqual([true, true]);
  });

  it('are made again one slot at a step, those alone that are still wanted and whose master is there', async () => {
    for (const channel of ['w', 'x', 'y', 'z']) await joined(channel);
    a.isReady = false;
    subscriptions.down(a);
    a.isReady = true;
    a.asked.length = 0;
    const begun: Steps[] = [];
    share = (steps) => void begun.push(steps);
    subscriptions.restore();
    const [steps = [].values()] = begun;
    steps.next();
    expect(a.asked).toEqual([['w']]);
    subscriptions.leave('x', MEMBER);
    steps.next();
    expect(a.asked).toEqual([['w']]);
    steps.next();
    expect(a.asked).toEqual([['w'], ['y']]);
    a.isReady = false;
    takeAll(steps);
    expect(a.asked).toEqual([['w'], ['y']]);
  });

  it('are made again only once everybody knows that they were lost', async () => {
    await joined('x');
    const waiting: (() => void)[] = [];
    whenTold = (act) => void waiting.push(act);
    subscriptions.route(() => b);
    expect([told, b.asked]).toEqual([['lost x'], []]);
    for (const act of waiting) act();
    expect(b.asked).toEqual([['x']]);
    await b.answer();
    expect(subscriptions.isLive('x')).toBe(true);
  });

  it('that a master refuses stay lost until another serves them', async () => {
    await joined('x');
    subscriptions.route(() => b);
    await b.answer('moved');
    expect([told, subscriptions.isWhole]).toEqual([['lost x', 'refused'], false]);
    subscriptions.route(() => a);
    await a.answer();
    expect(subscriptions.isLive('x')).toBe(true);
  });

  it('that a master refuses to a first member are not kept', async () => {
    const joining = Promise.allSettled([subscriptions.join('x', MEMBER)]);
    await a.answer('moved');
    expect(await joining).toMatchObject([{ status: 'rejected', reason: { name: 'SubscriptionError' } }]);
    expect([subscriptions.size, told]).toEqual([0, ['refused']]);
  });

  it('that a master does not answer are taken back: it may yet make them', async () => {
    const joining = Promise.allSettled([subscriptions.join('x', MEMBER)]);
    await a.answer('late');
    expect(await joining).toMatchObject([{ status: 'rejected', reason: { name: 'SubscriptionError' } }]);
    expect([a.unsubscribed, [...a.channels], subscriptions.size]).toEqual([['x'], [], 0]);
    await subscriptions.verify([a]);
    expect(a.resets).toBe(0);
  });

  it('that a master refuses need not be taken back, nor those that are wanted anew', async () => {
    const refused = Promise.allSettled([subscriptions.join('x', MEMBER)]);
    await a.answer('moved');
    await refused;
    expect(a.unsubscribed).toEqual([]);
    const left = Promise.allSettled([subscriptions.join('y', MEMBER)]);
    subscriptions.leave('y', MEMBER);
    const again = Promise.allSettled([subscriptions.join('y', {})]);
    await a.answer('late');
    await Promise.all([left, again]);
    expect(a.asked.slice(1)).toEqual([['y'], ['y']]);
    // For who left, and for the second that was not answered.
    expect(a.unsubscribed).toEqual(['y', 'y']);
  });

  it('of one slot that are refused for one channel are not asked for again for who has left', async () => {
    const [first, second] = [MEMBER, { name: 'other' }];
    for (const [channel, member] of [
      ['{s}1', first],
      ['{s}2', second],
    ] as const) {
      const joining = subscriptions.join(channel, member);
      await a.answer();
      await joining;
    }
    a.isReady = false;
    subscriptions.down(a);
    a.isReady = true;
    subscriptions.restore();
    subscriptions.leave('{s}2', second);
    a.asked.length = 0;
    await a.answer('denied');
    expect(a.asked).toEqual([['{s}1']]);
  });

  it('that Redis took away unseen are found by counting: the connection is given up', async () => {
    await joined('x');
    await subscriptions.verify([a]);
    expect(a.resets).toBe(0);
    a.channels.delete('x');
    await subscriptions.verify([a]);
    expect(a.resets).toBe(1);
  });

  it('that a master refuses while they are counted cost the others nothing', async () => {
    await joined('x');
    await joined('y');
    subscriptions.route((slot) => (slot === keySlot('x') ? b : a));
    // The map is behind: it still says that this one serves the slot.
    subscriptions.route(() => a);
    const counted = subscriptions.verify([a]);
    await a.answer('moved');
    await counted;
    expect([a.resets, subscriptions.isLive('x'), subscriptions.isLive('y')]).toEqual([0, false, true]);
  });

  it('that come while they are counted are counted by what Redis said to them', async () => {
    await joined('x');
    const joining = subscriptions.join('y', MEMBER);
    const counted = subscriptions.verify([a]);
    await a.answer();
    await Promise.all([joining, counted]);
    expect(a.resets).toBe(0);
    const [late, counting] = [subscriptions.join('z', MEMBER), subscriptions.verify([a])];
    a.channels.delete('x');
    await a.answer();
    await Promise.all([late, counting]);
    expect(a.resets).toBe(1);
  });

  it('end when the last member leaves, also on the way to another master', async () => {
    await joined('x');
    subscriptions.route(() => b);
    subscriptions.leave('x', MEMBER);
    await b.answer();
    subscriptions.route(() => a);
    expect([subscriptions.size, subscriptions.isLive('x')]).toEqual([0, false]);
    expect([...subscriptions.receivers('x', b)]).toEqual([]);
  });
});

describe('whether all that was published to a channel has arrived', () => {
  it('is known when its master answers behind it', async () => {
    await joined('x');
    let known = false;
    const arrived = subscriptions.arrived('x').then(() => (known = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(known).toBe(false);
    await a.answer();
    expect(await arrived).toBe(true);
  });

  it('is not known where nobody listens, or the master does not answer', async () => {
    await expect(subscriptions.arrived('x')).rejects.toThrow(SubscriptionError);
    await joined('x');
    const arrived = Promise.allSettled([subscriptions.arrived('x')]);
    await a.answer('moved');
    expect(await arrived).toMatchObject([{ reason: { name: 'SubscriptionError' } }]);
  });

  it('is not known of a subscription that was lost meanwhile, though it is back where it was', async () => {
    await joined('x');
    const arrived = Promise.allSettled([subscriptions.arrived('x')]);
    subscriptions.route(() => b);
    await expect(subscriptions.arrived('x')).rejects.toThrow(SubscriptionError);
    subscriptions.route(() => a);
    await a.answer();
    expect([subscriptions.isLive('x'), await arrived]).toMatchObject([
      true,
      [{ reason: { name: 'SubscriptionError' } }],
    ]);
  });
});
