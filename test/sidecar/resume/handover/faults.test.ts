import { pino } from 'pino';
import { deliver, type Receiver } from '../../../../sidecar/fanout/deliver';
import { sealEnvelope } from '../../../../sidecar/fanout/peer-envelope';
import { Handover } from '../../../../sidecar/resume/handover/handover';
import { COMMANDS_ON_THE_WAY, CommandTurns } from '../../../../sidecar/inbound/command-turns';
import { LoopShares, SLICE_MS } from '../../../../sidecar/lib/loop-shares';
import { Markers } from '../../../../sidecar/resume/handover/markers';
import { RingBudget } from '../../../../sidecar/resume/ring-budget';
import type { ReplayIdentity, ReplayLog } from '../../../../sidecar/resume/replay-log';
import { OLDEST } from '../../../../sidecar/resume/resume-point';
import { ReplayLogs } from '../../../../sidecar/resume/replay-logs';
import { TimerWheel } from '../../../../sidecar/lib/timer-wheel';
import { takeAll } from '../../all-steps';
import { eventually, UNPREFIXED } from '../../fixture';
import type { ChannelRegistry } from '../../../../sidecar/pubsub/channel-registry';
import type { HandoverContext, TakeTurn } from '../../../../sidecar/resume/handover/context';

const OLD = '00000000000000aa';
const NEW = '00000000000000bb';
const LINGER_MS = 1000;
const IDENTITY: ReplayIdentity = {
  tenant: 'acme',
  owner: 'alice',
  channels: ['c'],
  senderId: undefined,
  keeping: { maxItems: 8, maxBytes: 1000, lingerMs: LINGER_MS },
};

/** A Redis in which whatever is published arrives at once, unless a test steps in before it. */
class FakeRedis {
  readonly #receivers = new Map<string, Set<Receiver>>();
  readonly values = new Map<string, Buffer>();
  beforePublish: (channel: string) => void = () => undefined;

  registry(): ChannelRegistry<Receiver> {
    const members = (channel: string): Set<Receiver> => {
      const known = this.#receivers.get(channel) ?? new Set();
      this.#receivers.set(channel, known);
      return known;
    };
    return {
      size: 0,
      members,
      pin: (channel, member) => void members(channel).add(member),
      join: (channel, member) => Promise.resolve(void members(channel).add(member)),
      leave: (channel, member) => void members(channel).delete(member),
      isLive: (channel) => !this.lost.has(channel),
      arrived: () => Promise.resolve(),
    };
  }

  /** Channels whose subscriptions are lost. Who has them is not told yet. */
  readonly lost = new Set<string>();

  publish(channel: string, message: string | Buffer): number {
    this.beforePublish(channel);
    const receivers = [...(this.#receivers.get(channel) ?? [])];
    deliver(Buffer.from(message), new Set(receivers));
    return receivers.length;
  }
}

/** As much of a bridge as a handover needs. */
function fakeBridge(redis: FakeRedis, bridgeId: string, changes: Partial<HandoverContext> = {}) {
  const subscriptions = redis.registry();
  const wheel = new TimerWheel(1, 8, 0);
  const replayLogs = new ReplayLogs({
    subscriptions,
    wheel,
    shares: LoopShares.uncut(),
    monotonicMs: () => 0,
    bridgeId,
    budget: new RingBudget({ totalBytes: 100_000, tenantBytes: 100_000 }),
    firstOffset: 100,
  });
  const outcomes: string[] = [];
  const handover = new Handover({
    bridgeId,
    replayLogs,
    names: UNPREFIXED,
    markers: new Markers(() => subscriptions, UNPREFIXED),
    store: {
      publish: (channel, message) => Promise.resolve(redis.publish(channel, message)),
      publishMark: (channel, mark) => Promise.resolve(redis.publish(UNPREFIXED.mark(channel), mark)),
      put: (key, value) => Promise.resolve(redis.values.set(key, value)),
      take: (key) => Promise.resolve(redis.values.get(key) ?? null),
    },
    inOneOrder: () => true,
    shares: LoopShares.uncut(),
    turns: { taken: (_, act) => act(), given: (_, act) => act() },
    timeoutMs: 10_000,
    onOutcome: (side, outcome) => void outcomes.push(`${side} ${outcome}`),
    log: pino({ level: 'silent' }),
    ...changes,
  });
  subscriptions.pin(`ws:bridge:${bridgeId}`, handover);
  return { replayLogs, wheel, handover, outcomes };
}

/** An old bridge that keeps a stream for a client which has left it at `point`, and a new one it comes to. */
async function setUp(changes: Partial<HandoverContext> = {}) {
  const redis = new FakeRedis();
  const old = fakeBridge(redis, OLD);
  const young = fakeBridge(redis, NEW, changes);
  const holder = {};
  const kept = old.replayLogs.hold(IDENTITY, undefined, holder);
  await old.replayLogs.subscribed(kept);
  old.replayLogs.use(kept);
  const point = { epoch: kept.epoch, offset: kept.end };
  redis.publish('c', 'missed');
  old.replayLogs.release(kept, holder);
  const log = young.replayLogs.hold(IDENTITY, undefined, {});
  await young.replayLogs.subscribed(log);
  return { redis, old, young, point, log, ask: () => young.handover.ask(log, point) };
}

function onMark(redis: FakeRedis, act: () => void): void {
  redis.beforePublish = (channel) => {
    if (!channel.startsWith('ws:mark:')) return;
    redis.beforePublish = () => undefined;
    act();
  };
}

describe('a handover', () => {
  it('gives a point in the count of the new stream, from which everything is there', async () => {
    const { redis, young, old, log, ask } = await setUp();
    onMark(redis, () => redis.publish('c', 'before the mark'));
    const point = await ask();
    redis.publish('c', 'after it');
    if (typeof point === 'string') throw new Error(point);
    const replay = log.replay(point);
    const texts =
      replay.kind === 'gap' ? replay.reason : replay.missed.map(({ payload }) => payload.toString());
    expect(texts).toEqual(['missed', 'before the mark', 'after it']);
    expect([...old.outcomes, ...young.outcomes]).toEqual(['given done', 'taken done']);
  });

  it('keeps the stream whose linger ends in the middle, and lets go of it afterwards', async () => {
    const { redis, old, ask } = await setUp();
    onMark(redis, () => {
      old.wheel.advance(LINGER_MS + 1);
    });
    expect(await ask()).toMatchObject({ offset: 99 });
    expect(old.replayLogs.size).toBe(1);
    old.wheel.advance(3 * LINGER_MS);
    expect(old.replayLogs.size).toBe(0);
  });

  it('is refused when the old bridge loses its subscriptions in the middle', async () => {
    const { redis, old, ask } = await setUp();
    onMark(redis, () => {
      takeAll(old.replayLogs.interrupt(new Set(IDENTITY.channels)));
    });
    expect(await ask()).toBe('unknown');
  });

  it('is refused when the old bridge has lost its subscription, and the stream does not know yet', async () => {
    const { redis, ask } = await setUp();
    onMark(redis, () => {
      redis.lost.add('c');
    });
    expect(await ask()).toBe('unknown');
  });

  it('is refused when the stream is given up in the middle', async () => {
    const { redis, old, ask } = await setUp();
    onMark(redis, () => {
      old.replayLogs.clear();
    });
    expect(await ask()).toBe('unknown');
  });

  it('is refused to who does not say the channel of the stream', async () => {
    const { redis, old, point } = await setUp();
    const request = { type: 'handover', id: 'x', from: NEW, ...point, owner: 'alice', channel: 'd' };
    redis.publish(`ws:bridge:${OLD}`, JSON.stringify(request));
    await eventually(() => old.outcomes.length > 0);
    expect(old.outcomes).toEqual(['given unknown']);
  });

  it('counts once, as failed, where its answer cannot be published', async () => {
    const redis = new FakeRedis();
    const store: HandoverContext['store'] = {
      publish: () => Promise.reject(new Error('away')),
      publishMark: (channel, mark) => Promise.resolve(redis.publish(UNPREFIXED.mark(channel), mark)),
      put: () => Promise.resolve('OK'),
      take: () => Promise.resolve(null),
    };
    const old = fakeBridge(redis, OLD, { store });
    const kept = old.replayLogs.hold(IDENTITY, undefined, {});
    await old.replayLogs.subscribed(kept);
    const { epoch, end: offset, owner } = kept;
    const request = { type: 'handover', id: 'x', from: NEW, epoch, offset, owner, channel: 'c' };
    redis.publish(`ws:bridge:${OLD}`, JSON.stringify(request));
    await eventually(() => old.outcomes.includes('given failed'));
    expect(old.outcomes).toEqual(['given failed']);
  });

  it('leaves out what the client itself sent, whichever bridge it came through', async () => {
    const redis = new FakeRedis();
    const [old, young] = [fakeBridge(redis, OLD), fakeBridge(redis, NEW)];
    const relayed = (id: number) => ({ ...IDENTITY, senderId: Buffer.alloc(16, id) });
    const send = (id: number, text: string) =>
      redis.publish(
        'c',
        sealEnvelope({ sender: Buffer.alloc(16, id), binary: false, payload: Buffer.from(text) }),
      );
    const left = old.replayLogs.hold(relayed(1), undefined, {});
    const log = young.replayLogs.hold(relayed(2), undefined, {});
    await Promise.all([old.replayLogs.subscribed(left), young.replayLogs.subscribed(log)]);
    const from = { epoch: left.epoch, offset: left.end };
    send(1, 'own');
    send(3, "peer's");
    onMark(redis, () => send(1, 'own, late'));
    const point = await young.handover.ask(log, from);
    send(1, 'own, through the old socket');
    send(3, "peer's, later");
    if (typeof point === 'string') throw new Error(point);
    expect(log.replay(point)).toMatchObject({
      missed: [{ payload: Buffer.from("peer's") }, { payload: Buffer.from("peer's, later") }],
    });
  });

  it('is none when the frames are not all there', async () => {
    const { redis, ask } = await setUp();
    redis.beforePublish = (channel) => {
      if (channel !== `ws:bridge:${NEW}`) return;
      for (const key of redis.values.keys()) redis.values.set(key, Buffer.of(1));
    };
    expect(await ask()).toBe('unknown');
  });

  it('is none when the frames are gone', async () => {
    const { redis, ask } = await setUp();
    redis.beforePublish = (channel) => {
      if (channel === `ws:bridge:${NEW}`) redis.values.clear();
    };
    expect(await ask()).toBe('unknown');
  });

  it('is not asked for where the channels have no one order', async () => {
    const { old, ask } = await setUp({ inOneOrder: () => false });
    expect(await ask()).toBe('unknown');
    expect(old.outcomes).toEqual([]);
  });

  it('puts nothing before a count that began anew meanwhile', async () => {
    const { redis, young, log, ask } = await setUp();
    redis.beforePublish = (channel) => {
      if (channel !== `ws:bridge:${NEW}`) return;
      takeAll(young.replayLogs.interrupt(new Set(IDENTITY.channels)));
      young.replayLogs.restore();
    };
    const point = await ask();
    if (typeof point === 'string') throw new Error(point);
    expect(log.replay(point)).toEqual({ kind: 'gap', reason: 'unknown' });
    expect(log.replay({ epoch: log.epoch, offset: log.end - 1 })).toEqual({
      kind: 'gap',
      reason: 'expired',
    });
  });

  it.each(['', '{}', '{"type":"handed","id":"x"}', 'null', '{"type":"refused","id":"x","reason":"no"}'])(
    'does not begin with the message %j',
    async (message) => {
      const { redis, old } = await setUp();
      redis.publish(`ws:bridge:${OLD}`, message);
      redis.publish('ws:mark:{c}', message);
      expect(old.outcomes).toEqual([]);
    },
  );
});

describe('handovers of very many streams at once', () => {
  /** A slice is over after so many looks at the clock. */
  const STEPS_A_SLICE = 4;

  it('are packed and unpacked a few in each slice, and everything comes over', async () => {
    const redis = new FakeRedis();
    const loop = { nowMs: 0, laters: [] as (() => void)[] };
    const shares = new LoopShares({
      nowMs: () => (loop.nowMs += SLICE_MS / STEPS_A_SLICE),
      later: (run) => void loop.laters.push(run),
    });
    const [old, young] = [fakeBridge(redis, OLD, { shares }), fakeBridge(redis, NEW, { shares })];
    const count = 20;
    const handed = Array.from({ length: count }, async (_, index) => {
      const identity = { ...IDENTITY, owner: `u${index}`, channels: [`c${index}`] };
      const kept = old.replayLogs.hold(identity, undefined, {});
      await old.replayLogs.subscribed(kept);
      const point = { epoch: kept.epoch, offset: kept.end };
      redis.publish(`c${index}`, 'missed');
      const log = young.replayLogs.hold(identity, undefined, {});
      await young.replayLogs.subscribed(log);
      const found = await young.handover.ask(log, point);
      const replay = typeof found === 'string' ? undefined : log.replay(found);
      return replay?.kind === 'resumed' && replay.missed.length === 1;
    });
    let turns = 0;
    const all = Promise.all(handed);
    await eventually(() => {
      turns += loop.laters.splice(0).map((run) => {
        run();
      }).length;
      return old.outcomes.length + young.outcomes.length === 2 * count;
    });
    expect(await all).toEqual(Array.from({ length: count }, () => true));
    // Each is asked for, packed and unpacked.
    expect(turns).toBeGreaterThanOrEqual((3 * count) / STEPS_A_SLICE);
  });

  it('wait for turns of their tenant, on either side for those of that side', async () => {
    const redis = new FakeRedis();
    const begun: string[] = [];
    const held = (side: string) => {
      const waiting: (() => void)[] = [];
      const take: TakeTurn = (tenant, act) =>
        new Promise((resolve, reject) => {
          begun.push(`${side} ${tenant}`);
          waiting.push(() => void act().then(resolve, reject));
        });
      return { take, letGo: () => waiting.shift()?.() };
    };
    const [taken, given, unused] = [held('taken'), held('given'), held('of the other side')];
    const old = fakeBridge(redis, OLD, { turns: { taken: unused.take, given: given.take } });
    const young = fakeBridge(redis, NEW, { turns: { taken: taken.take, given: unused.take } });
    const kept = old.replayLogs.hold(IDENTITY, undefined, {});
    await old.replayLogs.subscribed(kept);
    const log = young.replayLogs.hold(IDENTITY, undefined, {});
    await young.replayLogs.subscribed(log);
    const asked = young.handover.ask(log, { epoch: kept.epoch, offset: kept.end });
    expect(begun).toEqual(['taken acme']);
    taken.letGo();
    await eventually(() => begun.length > 1);
    expect([begun, old.outcomes]).toEqual([['taken acme', 'given acme'], []]);
    given.letGo();
    expect(await asked).toEqual({ epoch: log.epoch, offset: log.end });
  });
});

describe('a search for all that is kept of a session', () => {
  const GONE = '00000000000000cc';

  function textsOf(log: ReplayLog): readonly string[] {
    const replay = log.replay({ epoch: log.epoch, offset: log.start });
    return replay.kind === 'gap' ? [replay.reason] : replay.missed.map(({ payload }) => payload.toString());
  }

  it('gives every frame up to the mark, and after it those that come live', async () => {
    const { redis, old, young, log } = await setUp();
    old.replayLogs.shared('alice')?.begin();
    redis.publish('c', 'second');
    onMark(redis, () => redis.publish('c', 'before the mark'));
    expect(await young.handover.recall(log, [OLD], OLDEST)).toBe(OLDEST);
    redis.publish('c', 'after it');
    expect(textsOf(log)).toEqual(['missed', 'second', 'before the mark', 'after it']);
    expect([log.isBegun, log.isWhole, log.hasAll]).toEqual([true, true, true]);
  });

  it('finds the point of a client that comes with one', async () => {
    const { redis, young, log, point } = await setUp();
    redis.publish('c', 'second');
    const found = await young.handover.recall(log, [OLD], { ...point, offset: point.offset + 1 });
    if (typeof found === 'string') throw new Error(found);
    expect(log.replay(found)).toMatchObject({ missed: [{ payload: Buffer.from('second') }] });
    expect(textsOf(log)).toEqual(['missed', 'second']);
  });

  it.each([
    ['unknown', { epoch: 'other', offset: 100 }],
    ['unknown', { epoch: '00000000000000aa_1', offset: 102 }],
    ['expired', { epoch: '00000000000000aa_1', offset: 99 }],
  ])('takes the frames, and says %s of the point %j', async (reason, point) => {
    const { young, log } = await setUp();
    expect(await young.handover.recall(log, [OLD], point)).toBe(reason);
    expect(textsOf(log)).toEqual(['missed']);
  });

  it('goes on past a bridge that is gone, and one that has nothing of it', async () => {
    const { redis, young, log } = await setUp();
    const other = fakeBridge(redis, GONE.replace('cc', 'dd'));
    expect(await young.handover.recall(log, [GONE, GONE.replace('cc', 'dd'), OLD], OLDEST)).toBe(OLDEST);
    expect(other.outcomes).toEqual(['given unknown']);
    expect(textsOf(log)).toEqual(['missed']);
  });

  it('ends when nobody has it, and is not begun again', async () => {
    const { young, log } = await setUp();
    expect(await young.handover.recall(log, [GONE], OLDEST)).toBe('unknown');
    expect([log.hasAll, log.isBegun]).toEqual([true, false]);
    expect(young.outcomes).toEqual(['taken unknown']);
    expect(young.handover.size).toBe(0);
  });

  it('ends when a bridge does not answer in time, and may be begun again', async () => {
    const { redis, young, log } = await setUp({ timeoutMs: 20 });
    redis
      .registry()
      .pin(`ws:bridge:${GONE}`, { senderId: undefined, deliver: () => undefined, refused: () => undefined });
    expect(await young.handover.recall(log, [GONE, OLD], OLDEST)).toBe('timeout');
    expect(log.hasAll).toBe(false);
    expect(young.handover.size).toBe(0);
  });

  it('takes nothing of frames that are not all there', async () => {
    const { redis, young, log } = await setUp();
    redis.beforePublish = (channel) => {
      if (channel !== `ws:bridge:${NEW}`) return;
      for (const key of redis.values.keys()) redis.values.set(key, Buffer.of(2));
    };
    expect(await young.handover.recall(log, [OLD], OLDEST)).toBe('unknown');
    expect(textsOf(log)).toEqual([]);
  });

  it('is refused where the old bridge lost its subscriptions in the middle', async () => {
    const { redis, old, young, log } = await setUp();
    onMark(redis, () => {
      takeAll(old.replayLogs.interrupt(new Set(IDENTITY.channels)));
    });
    expect(await young.handover.recall(log, [OLD], OLDEST)).toBe('unknown');
  });

  it('is not begun where the channels have no one order', async () => {
    const { old, young, log } = await setUp({ inOneOrder: () => false });
    expect(await young.handover.recall(log, [OLD], OLDEST)).toBe('unknown');
    expect(old.outcomes).toEqual([]);
  });
});

function outcomeOf(settled: PromiseSettledResult<unknown>): unknown {
  return settled.status === 'fulfilled' ? settled.value : String(settled.reason);
}

describe('a tenant whose handovers end with their time', () => {
  /** For those that hang; those that answer do so sooner on a slow machine too. */
  const SHORT_MS = 1000;
  const turnsOf = (): TakeTurn => {
    const turns = new CommandTurns(SHORT_MS, () => performance.now());
    return (tenant, act) => turns.take(tenant, 0, act);
  };

  it('has all its turns again, though the bridge that was asked never answers', async () => {
    const turns = { taken: turnsOf(), given: turnsOf() };
    const { redis, young, log, ask } = await setUp({ turns, timeoutMs: SHORT_MS });
    const hung = '00000000000000cc';
    redis.registry().pin(UNPREFIXED.bridge(hung), { senderId: undefined, deliver: () => undefined });
    const point = { epoch: `${hung}_1`, offset: 0 };
    const asked = Array.from({ length: COMMANDS_ON_THE_WAY }, () => young.handover.ask(log, point));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['timeout']));
    expect(await ask()).toMatchObject({ epoch: log.epoch });
  });

  it('has each of them end so that waits for a turn behind others, and fails none', async () => {
    const turns = { taken: turnsOf(), given: turnsOf() };
    const { redis, young, log } = await setUp({ turns, timeoutMs: SHORT_MS });
    const hung = '00000000000000cc';
    redis.registry().pin(UNPREFIXED.bridge(hung), { senderId: undefined, deliver: () => undefined });
    const point = { epoch: `${hung}_1`, offset: 0 };
    const asked = Array.from({ length: 8 * COMMANDS_ON_THE_WAY }, () => young.handover.ask(log, point));
    expect(new Set(await Promise.allSettled(asked).then((all) => all.map(outcomeOf)))).toEqual(
      new Set(['timeout']),
    );
  });

  it('is given to again, though markers were lost', async () => {
    const redis = new FakeRedis();
    let isLosing = true;
    const old = fakeBridge(redis, OLD, {
      turns: { taken: turnsOf(), given: turnsOf() },
      timeoutMs: SHORT_MS,
      store: {
        publish: () => Promise.resolve(1),
        publishMark: (channel, mark) =>
          Promise.resolve(isLosing ? 0 : redis.publish(UNPREFIXED.mark(channel), mark)),
        put: () => Promise.resolve('OK'),
        take: () => Promise.resolve(null),
      },
    });
    const kept = old.replayLogs.hold(IDENTITY, undefined, {});
    await old.replayLogs.subscribed(kept);
    const request = (id: string): void => {
      const { epoch, end: offset, owner } = kept;
      const asked = { type: 'handover', id, from: NEW, epoch, offset, owner, channel: 'c' };
      redis.publish(UNPREFIXED.bridge(OLD), JSON.stringify(asked));
    };
    for (let count = 0; count < COMMANDS_ON_THE_WAY; count += 1) request(`lost_${count}`);
    await eventually(() => Promise.resolve(old.outcomes.length === COMMANDS_ON_THE_WAY));
    isLosing = false;
    request('heard');
    await eventually(() => Promise.resolve(old.outcomes.length > COMMANDS_ON_THE_WAY));
    expect(old.outcomes.at(-1)).toBe('given done');
  });
});

describe('a marker that nobody waits for', () => {
  it('is forgotten without a word to those who wait on its channel', async () => {
    const redis = new FakeRedis();
    const markers = new Markers(() => redis.registry(), UNPREFIXED);
    const heard: string[] = [];
    await markers.expect('c', 'one', ({ id }) => void heard.push(id));
    markers.forget('c', 'another');
    redis.publish(UNPREFIXED.mark('c'), '{"id":"one"}');
    expect(heard).toEqual(['one']);
  });
});
