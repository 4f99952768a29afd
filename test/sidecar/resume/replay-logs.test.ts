import { jest } from '@jest/globals';
import type { Receiver } from '../../../sidecar/fanout/deliver';
import { frameOf } from '../../../sidecar/fanout/frame';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import { RingBudget } from '../../../sidecar/resume/ring-budget';
import { ReplayLogs } from '../../../sidecar/resume/replay-logs';
import { SingleChannels } from '../../../sidecar/pubsub/single-channels';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { deferred } from '../../../sidecar/lib/promises';
import { takeAll } from '../all-steps';

const KEEPING = { maxItems: 8, maxBytes: 1000, lingerMs: 1000 };

/** Streams whose subscriptions are acknowledged when the test says so. */
async function streamsOn(shares = LoopShares.uncut()) {
  const acknowledgements = new Map<string, () => void>();
  const subscriptions = new SingleChannels<Receiver>({
    subscribe: ([channel = '']) => {
      const acknowledged = deferred<ReadonlyMap<string, Error>>();
      acknowledgements.set(channel, () => {
        acknowledged.resolve(new Map());
      });
      return acknowledged.promise;
    },
    unsubscribe: () => Promise.resolve(),
    ping: () => Promise.resolve(),
    reset: () => undefined,
  });
  await subscriptions.up();
  const replayLogs = new ReplayLogs({
    subscriptions,
    wheel: new TimerWheel(250, 512, 0),
    shares,
    monotonicMs: () => 0,
    bridgeId: '0123456789abcdef',
    budget: new RingBudget({ totalBytes: 100_000, tenantBytes: 100_000 }),
    firstOffset: 100,
  });
  return {
    replayLogs,
    acknowledge: (channel: string) => acknowledgements.get(channel)?.(),
    subscriptions,
    lose: () => subscriptions.down(),
    publish: (channel: string, text: string) => {
      const frame = frameOf(Buffer.from(text), false);
      for (const member of subscriptions.members(channel)) member.deliver(frame);
    },
  };
}

describe('a stream of several channels', () => {
  it('counts nothing before all of them are acknowledged: frames of the others would be missing in between', async () => {
    const { replayLogs, acknowledge, publish } = await streamsOn();
    const holder = {};
    const identity = {
      tenant: 'acme',
      owner: 'alice',
      channels: ['tenant', 'user'],
      senderId: undefined,
      keeping: KEEPING,
    };
    const log = replayLogs.hold(identity, undefined, holder);
    acknowledge('tenant');
    await new Promise((resolve) => setImmediate(resolve));
    publish('tenant', 'too early');
    acknowledge('user');
    await replayLogs.subscribed(log);
    publish('user', 'first');
    publish('tenant', 'second');
    const replay = log.replay({ epoch: log.epoch, offset: 100 });
    expect(replay).toMatchObject({
      kind: 'resumed',
      missed: [{ payload: Buffer.from('first') }, { payload: Buffer.from('second') }],
    });
  });
});

describe('streams whose restoring takes longer than a slice', () => {
  it('take nothing until it is their turn, and then begin with the gap', async () => {
    const laters: (() => void)[] = [];
    let nowMs = 0;
    const shares = new LoopShares({ nowMs: () => nowMs, later: (run) => void laters.push(run) });
    const { replayLogs, acknowledge, publish } = await streamsOn(shares);
    const told: string[] = [];
    const channels = Array.from({ length: 20 }, (_, index) => `c${index}`);
    for (const channel of channels) {
      const identity = {
        tenant: 'acme',
        owner: channel,
        channels: [channel],
        senderId: undefined,
        keeping: KEEPING,
      };
      const log = replayLogs.hold(identity, undefined, {});
      acknowledge(channel);
      await replayLogs.subscribed(log);
      log.listen({
        deliver: (frame) => void told.push(`${channel} ${frame.payload.toString()}`),
        lost: () => {
          nowMs += 1;
          told.push(`${channel} gap`);
        },
      });
    }
    takeAll(replayLogs.interrupt(new Set(channels)));
    replayLogs.restore();
    expect(told).toHaveLength(SLICE_MS);
    publish('c19', 'between');
    expect(told).toHaveLength(SLICE_MS);
    // It is said once more, as of another connection, and each is told once.
    replayLogs.restore();
    for (let run = laters.shift(); run !== undefined; run = laters.shift()) run();
    publish('c19', 'after');
    expect(told).toHaveLength(21);
    expect(told.slice(-2)).toEqual(['c19 gap', 'c19 after']);
  });
});

describe('streams whose subscriptions are lost', () => {
  it('are interrupted a few at a step', async () => {
    const { replayLogs, acknowledge } = await streamsOn();
    const logs = Array.from({ length: 1000 }, (_, index) => {
      const [owner, channels] = [`u${index}`, [`c${index}`]];
      return replayLogs.hold(
        { tenant: 'acme', owner, channels, senderId: undefined, keeping: KEEPING },
        undefined,
        {},
      );
    });
    for (const [channel] of logs.map(({ channels }) => channels)) acknowledge(channel ?? '');
    const interrupted = (): number => logs.filter((log) => log.interrupted).length;
    let most = 0;
    let before = 0;
    const steps = replayLogs.interrupt(new Set(logs.flatMap(({ channels }) => channels)));
    while (steps.next().done !== true) {
      most = Math.max(most, interrupted() - before);
      before = interrupted();
    }
    expect([most, interrupted()]).toEqual([64, 1000]);
  });

  it('are looked at a few at a step while others are back and they are not', async () => {
    const turns: (() => void)[] = [];
    let nowMs = 0;
    const shares = new LoopShares({
      nowMs: () => (nowMs += SLICE_MS),
      later: (run) => void turns.push(run),
    });
    const { replayLogs, acknowledge, lose } = await streamsOn(shares);
    const channels = Array.from({ length: 640 }, (_, index) => `c${index}`);
    for (const channel of channels) {
      const identity = { tenant: 'acme', owner: channel, channels: [channel], senderId: undefined };
      replayLogs.hold({ ...identity, keeping: KEEPING }, undefined, {});
      acknowledge(channel);
    }
    lose();
    takeAll(replayLogs.interrupt(new Set(channels)));
    replayLogs.restore();
    let count = 0;
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
      run();
      count += 1;
    }
    expect(count).toBeGreaterThanOrEqual(10);
  });

  it('are looked at once, and once more, however often others are back meanwhile', async () => {
    const turns: (() => void)[] = [];
    let nowMs = 0;
    const shares = new LoopShares({
      nowMs: () => (nowMs += SLICE_MS),
      later: (run) => void turns.push(run),
    });
    const { replayLogs, subscriptions, acknowledge, lose } = await streamsOn(shares);
    const channels = Array.from({ length: 640 }, (_, index) => `c${index}`);
    for (const channel of channels) {
      const identity = { tenant: 'acme', owner: channel, channels: [channel], senderId: undefined };
      replayLogs.hold({ ...identity, keeping: KEEPING }, undefined, {});
      acknowledge(channel);
    }
    lose();
    takeAll(replayLogs.interrupt(new Set(channels)));
    const looks = jest.spyOn(subscriptions, 'isLive');
    for (let others = 0; others < 50; others += 1) replayLogs.restore();
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) run();
    expect(looks.mock.calls.length).toBe(2 * channels.length);
  });

  it('are dropped one at a step where nobody holds them', async () => {
    const { replayLogs, acknowledge } = await streamsOn();
    const channels = Array.from({ length: 10 }, (_, index) => `c${index}`);
    for (const channel of channels) {
      const holder = {};
      const identity = { tenant: 'acme', owner: channel, channels: [channel], senderId: undefined };
      const log = replayLogs.hold({ ...identity, keeping: KEEPING }, undefined, holder);
      acknowledge(channel);
      await replayLogs.subscribed(log);
      replayLogs.use(log);
      replayLogs.release(log, holder);
    }
    const sizes: number[] = [];
    const steps = replayLogs.interrupt(new Set(channels));
    while (steps.next().done !== true) sizes.push(replayLogs.size);
    expect(sizes).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });
});

it('gives up all that are kept in shares of the loop, as when the last client of a drain has gone', async () => {
  const turns: (() => void)[] = [];
  let nowMs = 0;
  const shares = new LoopShares({ nowMs: () => (nowMs += SLICE_MS), later: (run) => void turns.push(run) });
  const { replayLogs, acknowledge } = await streamsOn(shares);
  for (const channel of ['a', 'b', 'c']) {
    const identity = { tenant: 'acme', owner: channel, channels: [channel], senderId: undefined };
    replayLogs.hold({ ...identity, keeping: KEEPING }, undefined, {});
    acknowledge(channel);
  }
  replayLogs.giveUpAll();
  const sizes = [replayLogs.size];
  const gone = replayLogs.allGone();
  for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
    run();
    sizes.push(replayLogs.size);
  }
  await gone;
  expect(sizes.filter((size, index) => size !== sizes[index - 1])).toEqual([2, 1, 0]);
});

it('interrupts all other streams where one that nobody holds cannot be dropped', async () => {
  const { replayLogs, acknowledge, subscriptions } = await streamsOn();
  const holder = {};
  const [lingering, held] = ['c0', 'c1'].map((channel) => {
    const identity = { tenant: 'acme', owner: channel, channels: [channel], senderId: undefined };
    const log = replayLogs.hold({ ...identity, keeping: KEEPING }, undefined, holder);
    acknowledge(channel);
    replayLogs.use(log);
    return log;
  });
  if (lingering === undefined) throw new Error('not held');
  replayLogs.release(lingering, holder);
  const leave = jest.spyOn(subscriptions, 'leave').mockImplementation(() => {
    throw new Error('the connection is not what it should be');
  });
  const steps = replayLogs.interrupt(new Set(['c0', 'c1']));
  expect(() => steps.next()).toThrow('the connection is not what it should be');
  takeAll(steps);
  expect([leave.mock.calls.length, held?.interrupted]).toEqual([1, true]);
});

describe('a stream that its last holder leaves', () => {
  it.each([
    ['lingers for a client that was open on it', true],
    ['is forgotten when no client was: a handshake that is refused leaves nothing', false],
  ])('%s', async (_, wasOpen) => {
    const { replayLogs, acknowledge } = await streamsOn();
    const holder = {};
    const identity = {
      tenant: 'acme',
      owner: 'alice',
      channels: ['user'],
      senderId: undefined,
      keeping: KEEPING,
    };
    const log = replayLogs.hold(identity, undefined, holder);
    acknowledge('user');
    await replayLogs.subscribed(log);
    if (wasOpen) replayLogs.use(log);
    replayLogs.release(log, holder);
    expect(replayLogs.size).toBe(wasOpen ? 1 : 0);
  });

  it('lingers on when a handshake that found it is refused', async () => {
    const { replayLogs, acknowledge } = await streamsOn();
    const [open, refused] = [{}, {}];
    const identity = {
      tenant: 'acme',
      owner: 'alice',
      channels: ['user'],
      senderId: undefined,
      keeping: KEEPING,
    };
    const log = replayLogs.hold(identity, undefined, open);
    acknowledge('user');
    await replayLogs.subscribed(log);
    replayLogs.use(log);
    replayLogs.release(log, open);
    expect(replayLogs.hold(identity, undefined, refused)).toBe(log);
    replayLogs.release(log, refused);
    expect(replayLogs.size).toBe(1);
  });
});
