import type { Receiver } from '../../../sidecar/fanout/deliver';
import { frameOf } from '../../../sidecar/fanout/frame';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { SubscriptionError, type ChannelRegistry } from '../../../sidecar/pubsub/channel-registry';
import { SingleChannels } from '../../../sidecar/pubsub/single-channels';
import type { ReplayIdentity, ReplayLog } from '../../../sidecar/resume/replay-log';
import { ReplayLogs } from '../../../sidecar/resume/replay-logs';
import { bridgeOf } from '../../../sidecar/resume/resume-point';
import { RingBudget } from '../../../sidecar/resume/ring-budget';
import { takeAll } from '../all-steps';

const LINGER_MS = 1000;
const TICK_MS = 10;
const KEEPING = { maxItems: 8, maxBytes: 1000, lingerMs: LINGER_MS };

/** Replay logs whose subscriptions are there at once. */
async function rig() {
  const subscriptions = new SingleChannels<Receiver>({
    subscribe: () => Promise.resolve(new Map()),
    unsubscribe: () => Promise.resolve(),
    ping: () => Promise.resolve(),
    reset: () => undefined,
  });
  await subscriptions.up();
  const budget = new RingBudget({ totalBytes: 100_000, tenantBytes: 100_000 });
  const wheel = new TimerWheel(TICK_MS, 512, 0);
  const state = { nowMs: 0, givenUp: 0 };
  const replayLogs = new ReplayLogs({
    ...{ subscriptions, wheel, budget },
    shares: LoopShares.uncut(),
    monotonicMs: () => state.nowMs,
    bridgeId: '0123456789abcdef',
    firstOffset: 100,
    onGivenUp: () => (state.givenUp += 1),
  });
  const wait = (ms: number): void => {
    state.nowMs += ms;
    wheel.advance(state.nowMs);
  };
  const hold = async (identity: ReplayIdentity, holder: object, from?: ReplayLog): Promise<ReplayLog> => {
    const log = replayLogs.hold(identity, from && { epoch: from.epoch, offset: from.end }, holder);
    await replayLogs.subscribed(log);
    replayLogs.use(log);
    return log;
  };
  const lose = (...channels: readonly string[]): void => {
    subscriptions.down();
    takeAll(replayLogs.interrupt(new Set(channels)));
  };
  const restore = async (): Promise<void> => {
    await subscriptions.up();
    replayLogs.restore();
  };
  /** All that may be left of replay logs. */
  const left = () => ({
    ...{ logs: replayLogs.size, tenants: budget.tenants, bytes: budget.bytes, timers: wheel.size },
    ...{ lingering: budget.lingering, members: subscriptions.members('c').size },
  });
  return { replayLogs, subscriptions, state, hold, wait, lose, restore, left };
}

const NOTHING = { logs: 0, tenants: 0, bytes: 0, timers: 0, lingering: 0, members: 0 };

/** Somebody's identity on a channel. */
function of(owner: string, channel = 'c', senderId?: Buffer): ReplayIdentity {
  return { tenant: 'acme', owner, channels: [channel], senderId, keeping: KEEPING };
}

const hear = (log: ReplayLog, text = 'x'): void => {
  log.deliver(frameOf(Buffer.from(text), false));
};

describe('a replay log', () => {
  it('is its owner’s, and found by its epoch by nobody else', async () => {
    const { replayLogs, hold } = await rig();
    const alices = await hold(of('alice'), {});
    expect(await hold(of('bob'), {}, alices)).not.toBe(alices);
    expect(replayLogs.find({ epoch: alices.epoch, owner: 'bob' })).toBeUndefined();
    expect(replayLogs.find({ epoch: alices.epoch, owner: 'alice' })).toBe(alices);
    expect(replayLogs.find({ epoch: 'other', owner: 'alice' })).toBeUndefined();
    expect(replayLogs.shared('alice')).toBe(alices);
    expect(replayLogs.shared('carol')).toBeUndefined();
  });

  it('has an epoch of its own, which names its bridge', async () => {
    const { hold } = await rig();
    const epochs = [];
    for (const owner of ['alice', 'bob']) epochs.push((await hold(of(owner), {})).epoch);
    expect(epochs.map(bridgeOf)).toEqual(['0123456789abcdef', '0123456789abcdef']);
    expect(epochs[0]).not.toBe(epochs[1]);
  });

  it('is shared by its owner’s clients, whatever epoch they name', async () => {
    const { replayLogs, hold } = await rig();
    const log = await hold(of('alice'), {});
    expect(await hold(of('alice'), {})).toBe(log);
    const elsewhere = { epoch: 'other', offset: 1 };
    expect(replayLogs.hold(of('alice'), elsewhere, {})).toBe(log);
    expect(replayLogs.size).toBe(1);
  });

  it('is one client’s where that has an id as a sender, and found again by its epoch', async () => {
    const { hold } = await rig();
    const identity = of('alice', 'c', Buffer.alloc(16));
    const log = await hold(identity, {});
    expect(await hold(identity, {})).not.toBe(log);
    expect(await hold(identity, {}, log)).toBe(log);
  });

  it('is there no more once the last of its holders has left and its time is over, and nothing is left of it', async () => {
    const { replayLogs, hold, wait, left } = await rig();
    const holders = [{}, {}] as const;
    const log = await hold(of('alice'), holders[0]);
    await hold(of('alice'), holders[1]);
    hear(log);
    replayLogs.release(log, holders[0]);
    replayLogs.release(log, holders[0]);
    replayLogs.release(log, {});
    wait(LINGER_MS + TICK_MS);
    expect(left()).toMatchObject({ logs: 1, timers: 0, lingering: 0 });
    replayLogs.release(log, holders[1]);
    expect(left()).toMatchObject({ logs: 1, timers: 1, lingering: 1, members: 1 });
    wait(LINGER_MS - TICK_MS);
    expect(replayLogs.size).toBe(1);
    wait(2 * TICK_MS);
    expect(left()).toEqual(NOTHING);
    expect(replayLogs.find({ epoch: log.epoch, owner: 'alice' })).toBeUndefined();
    expect(replayLogs.shared('alice')).toBeUndefined();
  });

  it('keeps its frames and its place for whom comes back in time', async () => {
    const { replayLogs, hold, wait, left } = await rig();
    const holder = {};
    const log = await hold(of('alice'), holder);
    hear(log, 'before');
    replayLogs.release(log, holder);
    hear(log, 'meanwhile');
    wait(LINGER_MS / 2);
    expect(await hold(of('alice'), holder)).toBe(log);
    expect(left()).toMatchObject({ timers: 0, lingering: 0 });
    wait(2 * LINGER_MS);
    expect(log.end - log.start).toBe(2);
    expect(replayLogs.size).toBe(1);
  });

  it('that is discarded twice is given back once', async () => {
    const { replayLogs, hold, left } = await rig();
    const log = await hold(of('alice'), {});
    await hold(of('bob'), {});
    replayLogs.discard(log);
    replayLogs.discard(log);
    expect(left()).toMatchObject({ logs: 1, tenants: 1, members: 1 });
  });

  it('that is discarded hears nothing more, and can be held no more', async () => {
    const { replayLogs, hold } = await rig();
    const log = await hold(of('alice'), {});
    replayLogs.discard(log);
    hear(log);
    expect(log.end).toBe(100);
    expect(() => {
      replayLogs.keep(log, {});
    }).toThrow(SubscriptionError);
    replayLogs.use(log);
    replayLogs.release(log, {});
    expect(replayLogs.size).toBe(0);
  });

  it('of one client alone leaves the one that is shared in its place when it goes', async () => {
    const { replayLogs, hold } = await rig();
    const own = await hold(of('alice', 'c', Buffer.alloc(16)), {});
    const shared = await hold(of('alice'), {});
    replayLogs.discard(own);
    expect(replayLogs.shared('alice')).toBe(shared);
  });

  it('is told of the end of all of them, at once when there is none', async () => {
    const { replayLogs, hold, left } = await rig();
    await replayLogs.allGone();
    const log = await hold(of('alice'), {});
    await hold(of('bob'), {});
    let isTold = false;
    const gone = replayLogs.allGone().then(() => (isTold = true));
    replayLogs.discard(log);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isTold).toBe(false);
    replayLogs.clear();
    await gone;
    expect(left()).toEqual(NOTHING);
  });
});

describe('a replay log whose subscription is lost', () => {
  it('cannot be held, and is forgotten when its last holder leaves', async () => {
    const { replayLogs, hold, lose, left } = await rig();
    const holder = {};
    const log = await hold(of('alice'), holder);
    lose('c');
    await expect(hold(of('alice'), {})).rejects.toThrow(SubscriptionError);
    replayLogs.release(log, holder);
    expect(left()).toEqual(NOTHING);
  });

  it('counts on in a new epoch once it is back: the old one names nothing any more', async () => {
    const { replayLogs, hold, lose, restore } = await rig();
    const log = await hold(of('alice'), {});
    const before = log.epoch;
    hear(log);
    lose('c');
    hear(log, 'not counted');
    await restore();
    expect([log.interrupted, log.end, log.start]).toEqual([false, 101, 101]);
    expect(log.epoch).not.toBe(before);
    expect(replayLogs.find({ epoch: before, owner: 'alice' })).toBeUndefined();
    expect(replayLogs.find({ epoch: log.epoch, owner: 'alice' })).toBe(log);
    // It is restored once.
    const after = log.epoch;
    await restore();
    expect(log.epoch).toBe(after);
  });

  it('stays so until all of its channels are back: frames of the others would be missing in between', async () => {
    const { replayLogs, subscriptions, hold, lose } = await rig();
    const log = await hold({ ...of('alice'), channels: ['a', 'b'] }, {});
    lose('a', 'b');
    await subscriptions.up();
    const registry: ChannelRegistry<Receiver> = subscriptions;
    const isLive = jest.spyOn(registry, 'isLive').mockImplementation((channel) => channel === 'a');
    replayLogs.restore();
    expect(log.interrupted).toBe(true);
    isLive.mockImplementation(() => true);
    replayLogs.restore();
    expect(log.interrupted).toBe(false);
  });

  it('is left alone where it hears other channels than those that are lost', async () => {
    const { hold, lose } = await rig();
    const log = await hold(of('alice', 'other'), {});
    lose('c');
    expect(log.interrupted).toBe(false);
  });
});

it('whoever else hears the channel of a replay log is left alone, and keeps it', async () => {
  const { replayLogs, subscriptions, hold, lose } = await rig();
  const other = { senderId: undefined, deliver: () => undefined, refused: () => undefined };
  await subscriptions.join('c', other);
  const holder = {};
  const log = await hold(of('alice'), holder);
  replayLogs.release(log, holder);
  expect(replayLogs.makeRoom()).toBe(false);
  lose('c');
  expect(replayLogs.size).toBe(0);
  expect([...subscriptions.members('c')]).toEqual([other]);
});

describe('room for another channel', () => {
  it('is made by the replay log whose last client left first, which is said to be gone', async () => {
    const { replayLogs, state, hold } = await rig();
    const holder = {};
    const logs = [];
    for (const channel of ['a', 'b', 'c']) logs.push(await hold(of(channel, channel), holder));
    const [first, second] = logs as [ReplayLog, ReplayLog];
    for (const log of [second, first]) replayLogs.release(log, holder);
    expect(replayLogs.makeRoom()).toBe(true);
    expect([replayLogs.shared('a'), replayLogs.shared('b')]).toEqual([first, undefined]);
    expect(replayLogs.lackOf({ owner: 'b', epoch: second.epoch })).toBe('expired');
    expect(replayLogs.lackOf({ owner: 'a', epoch: first.epoch })).toBe('unknown');
    expect(state.givenUp).toBe(1);
    expect(replayLogs.makeRoom()).toBe(true);
    // The last one is held.
    expect([replayLogs.makeRoom(), replayLogs.size, state.givenUp]).toEqual([false, 1, 2]);
  });

  it('leaves nothing to say of one whose frames are all in a history', async () => {
    const { replayLogs, hold } = await rig();
    const place = { route: 'r', channel: 'c', key: 'k', maxFrames: 1, maxBytes: 1, keptMs: 1 };
    const holder = {};
    const log = await hold({ ...of('alice'), history: place }, holder);
    replayLogs.release(log, holder);
    expect(replayLogs.makeRoom()).toBe(true);
    expect(replayLogs.lackOf({ owner: 'alice', epoch: log.epoch })).toBe('unknown');
  });
});
