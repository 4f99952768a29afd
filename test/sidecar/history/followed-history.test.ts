import { MAX_READS } from '../../../sidecar/history/histories';
import { OLDEST } from '../../../sidecar/resume/resume-point';
import type { ReplayIdentity } from '../../../sidecar/resume/replay-log';
import { BEGUN, CHANNEL, EPOCH, FarBridge, PLACE, settled, SharedStream, Visitor } from './shared-stream';

/** All that is on its way arrives. */
async function calm(bridge: FarBridge): Promise<void> {
  await settled();
  for (let round = 0; round < 50; round += 1) {
    bridge.serve();
    bridge.answer();
    bridge.arrive();
    await settled();
  }
}

async function come(visitor: Visitor, bridge: FarBridge): Promise<void> {
  void visitor.come(bridge);
  await calm(bridge);
}

function append(stream: SharedStream, count: number): void {
  for (let left = count; left > 0; left -= 1) stream.append();
}

function identityOf(owner: string, history: ReplayIdentity['history'], tenant = 'acme'): ReplayIdentity {
  const keeping = { maxItems: 1000, maxBytes: 10_000, lingerMs: 600_000 };
  return { tenant, owner, channels: [CHANNEL], senderId: undefined, keeping, history };
}

it('a replay log of a channel without a history asks for none', async () => {
  const stream = new SharedStream();
  const bridge = new FarBridge(stream);
  const log = bridge.logs.hold(identityOf('alice', undefined), undefined, {});
  await bridge.logs.subscribed(log);
  await bridge.logs.bring(log, { epoch: EPOCH, offset: 0 });
  expect([log.isOpen, stream.readings]).toEqual([true, 0]);
});

describe('a replay log of a channel with a history', () => {
  let stream: SharedStream;
  let bridge: FarBridge;
  let alice: Visitor;
  beforeEach(async () => {
    stream = new SharedStream();
    bridge = new FarBridge(stream);
    alice = new Visitor('alice');
    append(stream, 3);
    await come(alice, bridge);
  });

  it('asks nothing of Redis for a client whose point it has, nor for one without a point', async () => {
    append(stream, 2);
    await calm(bridge);
    const readings = stream.readings;
    alice.leave();
    append(stream, 1);
    await calm(bridge);
    await come(alice, bridge);
    await come(new Visitor('alice'), bridge);
    expect([alice.got, stream.readings - readings]).toEqual([[4, 5, 6], 0]);
  });

  it('brings what it has not from the history, for one who left before it began', async () => {
    const other = new FarBridge(stream);
    alice.leave();
    append(stream, 2);
    await come(new Visitor('alice'), other);
    const readings = stream.readings;
    await come(alice, other);
    append(stream, 1);
    await calm(other);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[4, 5, 6], [], 6]);
    expect(stream.readings - readings).toBe(1);
  });

  it('tells of a gap with reason expired where what was missed is trimmed, and then what is kept', async () => {
    bridge.lose();
    append(stream, 5);
    stream.kept = 2;
    bridge.restore();
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[7, 8], ['expired'], 8]);
    expect(bridge.outcomes).toEqual(['followed', 'recounted']);
  });

  it('tells of a gap with reason redis where the history is another one, and repeats nothing', async () => {
    bridge.lose();
    append(stream, 2);
    stream.epoch = `h${BEGUN}-fedcba9876543210`;
    bridge.restore();
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[6], ['redis'], 6]);
  });

  it('goes on without a word where nothing was missed', async () => {
    bridge.lose();
    bridge.restore();
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[4], [], 4]);
  });

  it('tells of a gap where the history has less than was counted, and goes on with that', async () => {
    bridge.lose();
    stream.forget(2);
    bridge.restore();
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[2], ['redis'], 2]);
  });

  it('catches up later when Redis does not answer at first', async () => {
    bridge.lose();
    append(stream, 2);
    bridge.restore();
    for (let failures = 0; failures < 5; failures += 1) {
      await settled();
      bridge.failQuestions();
      await settled();
      bridge.wait(500);
    }
    await calm(bridge);
    expect([alice.got, alice.gaps]).toEqual([[4, 5], []]);
    expect(bridge.outcomes).toEqual(['followed', ...Array<string>(5).fill('failed'), 'caught_up']);
  });

  it('has all of its time to catch up again when its subscription was lost once more', async () => {
    bridge.lose();
    append(stream, 1);
    bridge.restore();
    await settled();
    bridge.lose();
    bridge.failQuestions();
    await settled();
    bridge.wait(20_000);
    append(stream, 1);
    bridge.restore();
    await settled();
    bridge.failQuestions();
    await settled();
    bridge.wait(500);
    await calm(bridge);
    expect([alice.got, alice.gaps]).toEqual([[4, 5], []]);
  });

  it('has all of its time to catch up again when its subscription was lost between two attempts', async () => {
    bridge.lose();
    append(stream, 1);
    bridge.restore();
    await settled();
    bridge.failQuestions();
    await settled();
    bridge.lose();
    bridge.wait(20_000);
    append(stream, 1);
    bridge.restore();
    await settled();
    bridge.failQuestions();
    await settled();
    bridge.wait(500);
    await calm(bridge);
    expect([alice.got, alice.gaps]).toEqual([[4, 5], []]);
  });

  it('tells of a gap when Redis goes on not answering, and takes over the count of the history when it does', async () => {
    bridge.lose();
    append(stream, 2);
    bridge.restore();
    for (let failures = 0; failures < 30; failures += 1) {
      await settled();
      bridge.failQuestions();
      await settled();
      bridge.wait(500);
    }
    expect(alice.gaps).toEqual(['redis']);
    // By itself, in a count of its own.
    expect(bridge.logs.shared('alice')?.epoch).toMatch(/^[0-9a-f]{16}_/);
    append(stream, 1);
    bridge.arrive();
    expect(alice.got).toEqual([6]);
    bridge.wait(10_000);
    await calm(bridge);
    expect([alice.gaps, alice.offset]).toEqual([['redis', 'unknown'], 6]);
  });

  it('is compared with the history while frames come: one that was published without it is found', async () => {
    append(stream, 1);
    stream.publish('c', '-1');
    await calm(bridge);
    expect(alice.offset).toBe(5);
    bridge.wait(10_000);
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[4, -1, 5], ['unknown'], 5]);
  });

  it('is compared by one reading at a time, however long that takes', async () => {
    append(stream, 1);
    await calm(bridge);
    for (let round = 0; round < 3; round += 1) {
      bridge.wait(10_000);
      await settled();
    }
    expect(bridge.histories.size).toBe(1);
    await calm(bridge);
    append(stream, 1);
    await calm(bridge);
    const readings = stream.readings;
    bridge.wait(10_000);
    await calm(bridge);
    expect(stream.readings - readings).toBe(1);
  });

  it('is compared without a word to its clients when the two are the same', async () => {
    append(stream, 4);
    await calm(bridge);
    const readings = stream.readings;
    bridge.wait(10_000);
    append(stream, 4);
    await calm(bridge);
    expect([alice.gaps, alice.offset, stream.readings - readings]).toEqual([[], 11, 1]);
  });

  it('keeps the history for longer while nothing comes, and reads nothing', async () => {
    const readings = stream.readings;
    bridge.wait(5000);
    await calm(bridge);
    bridge.wait(4500);
    await calm(bridge);
    expect(stream.renewals).toBe(0);
    for (let round = 0; round < 3; round += 1) {
      bridge.wait(10_000);
      await calm(bridge);
    }
    expect([stream.renewals, stream.readings - readings]).toEqual([3, 0]);
  });

  it('reads a history that was lost while nothing came, and goes on with the one that began', async () => {
    stream.isThere = false;
    stream.epoch = `h${Number(BEGUN) + 1}-0123456789abcdef`;
    bridge.wait(10_000);
    await calm(bridge);
    expect(alice.gaps).toEqual(['unknown']);
  });

  it('is compared at one place among the messages, whatever comes before the answer', async () => {
    append(stream, 1);
    await calm(bridge);
    bridge.wait(10_000);
    await settled();
    bridge.serve();
    append(stream, 1);
    for (let count = 0; count < 3; count += 1) bridge.arrive();
    await settled();
    await calm(bridge);
    expect([alice.got, alice.gaps, alice.offset]).toEqual([[4, 5], [], 5]);
  });

  it('is read once for a subscription that is back, however often that is said', async () => {
    const readings = stream.readings;
    bridge.lose();
    append(stream, 1);
    bridge.restore();
    await settled();
    bridge.logs.restore();
    await calm(bridge);
    expect([alice.got, stream.readings - readings]).toEqual([[4], 1]);
  });

  it('is compared the next time where the history cannot be read', async () => {
    append(stream, 1);
    stream.publish('c', '-1');
    await calm(bridge);
    stream.refusal = new Error('NOPERM no permissions to access a key');
    bridge.wait(10_000);
    await calm(bridge);
    expect([alice.gaps, bridge.outcomes.at(-1)]).toEqual([[], 'failed']);
    stream.refusal = undefined;
    bridge.wait(10_000);
    await calm(bridge);
    expect([alice.gaps, bridge.outcomes.at(-1)]).toEqual([['unknown'], 'recounted']);
  });

  it('counts by itself where no history can begin, until one can', async () => {
    const bob = new Visitor('bob');
    stream.refusal = new Error('OOM command not allowed');
    await come(bob, bridge);
    append(stream, 1);
    await calm(bridge);
    expect([bob.got, bob.gaps, bridge.outcomes.at(-1)]).toEqual([[4], [], 'failed']);
    stream.refusal = undefined;
    bridge.wait(10_000);
    await calm(bridge);
    expect([bob.gaps, bob.offset]).toEqual([['unknown'], 4]);
  });

  it('is refused, and leaves nothing, where Redis refuses anything else', async () => {
    const bob = new Visitor('bob');
    stream.refusal = new Error('NOPERM no permissions to access a key');
    await come(bob, bridge);
    expect([bob.bridge, bridge.logs.size]).toEqual([undefined, 1]);
  });

  it('has all that is kept where its client asks for the oldest, and asks for it once', async () => {
    const log = bridge.logs.hold(identityOf('bob', PLACE), OLDEST, {});
    await calm(bridge);
    expect(log.replay({ epoch: EPOCH, offset: 0 })).toMatchObject({ kind: 'resumed', missed: [{}, {}, {}] });
    const readings = stream.readings;
    await bridge.logs.bring(log, OLDEST);
    expect(stream.readings).toBe(readings);
    // Alice's has not.
    const alices = bridge.logs.shared('alice');
    if (alices !== undefined) void bridge.logs.bring(alices, OLDEST);
    await calm(bridge);
    expect(stream.readings).toBe(readings + 1);
    expect(alices?.start).toBe(0);
  });

  it('leaves no timer behind when it is gone, whatever it waited for', async () => {
    expect(bridge.timers).toBe(1);
    bridge.logs.clear();
    expect(bridge.timers).toBe(0);
    // In the middle of its beginning.
    bridge.logs.hold(identityOf('bob', PLACE), undefined, {});
    await settled();
    bridge.logs.clear();
    await calm(bridge);
    expect(bridge.timers).toBe(0);
    // While it catches up.
    await come(new Visitor('carol'), bridge);
    bridge.lose();
    bridge.restore();
    await settled();
    bridge.logs.clear();
    await settled();
    bridge.failQuestions();
    await settled();
    expect([bridge.timers, bridge.logs.size]).toEqual([0, 0]);
    expect(bridge.outcomes).not.toContain('failed');
  });

  it('is found by no epoch that it had before it followed', async () => {
    const log = bridge.logs.hold(identityOf('bob', PLACE), undefined, {});
    const before = log.epoch;
    await calm(bridge);
    expect(log.epoch).toBe(EPOCH);
    expect(bridge.logs.find({ epoch: before, owner: 'bob' })).toBeUndefined();
    bridge.logs.discard(log);
    expect(bridge.logs.find({ epoch: before, owner: 'bob' })).toBeUndefined();
  });

  it('is kept for longer before its time is over, however short that is', async () => {
    const keptMs = 1000;
    bridge.logs.hold(identityOf('bob', { ...PLACE, keptMs }), undefined, {});
    await calm(bridge);
    for (const renewals of [1, 2]) {
      bridge.wait(keptMs / 2);
      await calm(bridge);
      expect(stream.renewals).toBe(renewals);
    }
  });

  it('asks nothing of Redis while nobody holds it, nor while its subscription is lost', async () => {
    const holder = {};
    const log = bridge.logs.hold(identityOf('bob', PLACE), undefined, holder);
    await calm(bridge);
    bridge.logs.use(log);
    bridge.logs.release(log, holder);
    alice.leave();
    bridge.wait(1000);
    const asked = [stream.readings, stream.renewals];
    bridge.wait(10_000);
    await calm(bridge);
    expect([stream.readings, stream.renewals]).toEqual(asked);
    bridge.logs.keep(log, holder);
    bridge.lose();
    bridge.wait(10_000);
    await settled();
    expect([stream.readings, stream.renewals]).toEqual(asked);
    bridge.restore();
    await calm(bridge);
    expect(stream.readings).toBeGreaterThan(asked[0] ?? 0);
  });

  it('that has caught up is not read again when the connection is back once more', async () => {
    bridge.lose();
    append(stream, 1);
    bridge.restore();
    await calm(bridge);
    const readings = stream.readings;
    bridge.logs.restore();
    await calm(bridge);
    expect([alice.got, stream.readings - readings]).toEqual([[4], 0]);
  });

  it('goes back to no count of an epoch that a client brings from elsewhere', async () => {
    const bob = new Visitor('bob', { epoch: EPOCH, offset: 9 });
    await come(bob, bridge);
    expect([bob.got, bob.gaps, bob.offset]).toEqual([[], ['unknown'], 3]);
  });
});

describe('replay logs that wait for their histories', () => {
  let stream: SharedStream;
  let bridge: FarBridge;
  beforeEach(() => {
    stream = new SharedStream();
    bridge = new FarBridge(stream);
  });

  /** So many of a tenant, which are all at their beginning. */
  async function crowd(count: number): Promise<void> {
    for (let number = 0; number < count; number += 1)
      bridge.logs.hold(identityOf(`crowd ${number}`, PLACE, 'crowd'), undefined, {});
    await settled();
  }

  it('of one tenant do not keep those of another waiting, however many they are', async () => {
    await crowd(10 * MAX_READS);
    const log = bridge.logs.hold(identityOf('alice', PLACE), undefined, {});
    await settled();
    for (let round = 0; round < MAX_READS; round += 1) bridge.serve();
    bridge.serve();
    for (let round = 0; round <= MAX_READS; round += 1) {
      bridge.answer();
      bridge.arrive();
    }
    await settled();
    expect([log.isOpen, stream.readings]).toEqual([true, expect.any(Number)]);
    expect(stream.readings).toBeLessThanOrEqual(MAX_READS);
  });

  it('are passed over when nobody holds them any more', async () => {
    await crowd(MAX_READS);
    const holder = {};
    const log = bridge.logs.hold(identityOf('crowd last', PLACE, 'crowd'), undefined, holder);
    const subscribed = Promise.allSettled([bridge.logs.subscribed(log)]);
    await settled();
    bridge.logs.release(log, holder);
    await calm(bridge);
    await calm(bridge);
    expect(await subscribed).toMatchObject([{ status: 'rejected', reason: { name: 'SubscriptionError' } }]);
    expect([stream.readings, bridge.histories.size]).toEqual([MAX_READS, 0]);
  });

  it('are read for an upgrade before all that have caught up yet', async () => {
    await crowd(4 * MAX_READS);
    for (let round = 0; round < 4; round += 1) await calm(bridge);
    expect(bridge.histories.size).toBe(0);
    bridge.lose();
    bridge.restore();
    await settled();
    const readings = stream.readings;
    const log = bridge.logs.hold(identityOf('crowd new', PLACE, 'crowd'), undefined, {});
    await calm(bridge);
    expect(log.isOpen).toBe(true);
    expect(stream.readings - readings).toBeLessThan(2 * MAX_READS);
  });
});
