import { frameOf } from '../../../sidecar/fanout/frame';
import { FrameRun } from '../../../sidecar/resume/frame-run';
import { ReplayLog } from '../../../sidecar/resume/replay-log';
import { unboundedRings } from './rings';

const frame = (text: string) => frameOf(Buffer.from(text), false);
const run = (...texts: string[]) => FrameRun.of(texts.map(frame));
const textsOf = (log: ReplayLog, offset: number): unknown => {
  const replay = log.replay({ epoch: 'e', offset });
  return replay.kind === 'gap' ? replay.reason : replay.missed.map(({ payload }) => payload.toString());
};

function newStream(maxBytes = 100, senderId?: Buffer): ReplayLog {
  const keeping = { maxItems: 8, maxBytes, lingerMs: 0 };
  const identity = { tenant: 'acme', owner: 'alice', channels: ['c'], senderId, keeping };
  return new ReplayLog(identity, 'e', unboundedRings(), 1000);
}

function openStream(maxBytes: number, senderId?: Buffer): ReplayLog {
  const log = newStream(maxBytes, senderId);
  log.open();
  return log;
}

/** Listens. @returns all that it is told, once it is */
function told(log: ReplayLog) {
  const heard: unknown[] = [];
  const listener = {
    deliver: ({ payload }: { readonly payload: Buffer }, offset: number) =>
      void heard.push([payload.toString(), offset]),
    lost: (reason: string) => void heard.push(reason),
  };
  log.listen(listener);
  return { heard, listener };
}

describe('a replay log', () => {
  it('counts nothing before it is open, and nothing while its subscriptions are lost', () => {
    const log = newStream();
    const { heard } = told(log);
    expect(log.isOpen).toBe(false);
    log.deliver(frame('too early'));
    log.open();
    log.deliver(frame('a'));
    log.interrupt();
    log.deliver(frame('lost'));
    log.resume();
    log.deliver(frame('b'));
    expect(textsOf(log, 1000)).toEqual(['a', 'b']);
    expect(heard).toEqual([
      ['a', 1000],
      ['b', 1001],
    ]);
  });

  it('tells its listeners of each frame, and those that left of nothing', () => {
    const log = openStream(100);
    const [stays, leaves] = [told(log), told(log)];
    log.deliver(frame('a'));
    log.unlisten(leaves.listener);
    log.deliver(frame('b'));
    expect(leaves.heard).toEqual([['a', 1000]]);
    expect(stays.heard).toEqual([
      ['a', 1000],
      ['b', 1001],
    ]);
  });

  it('tells its holders of a refused channel, which may not listen yet, and those that let go of it of nothing', () => {
    const log = openStream(100);
    const told: string[] = [];
    const [waits, leaves] = ['waits', 'left'].map((name) => ({ refused: () => void told.push(name) }));
    for (const holder of [waits, leaves]) if (holder !== undefined) log.holders.add(holder);
    if (leaves !== undefined) log.holders.delete(leaves);
    log.refused();
    expect(told).toEqual(['waits']);
  });

  it('counts on without keeping, and keeps again from when it is told to', () => {
    const log = openStream(100);
    const { heard } = told(log);
    log.deliver(frame('a'));
    log.stopKeeping();
    log.deliver(frame('b'));
    expect([log.start, log.end]).toEqual([1002, 1002]);
    log.startKeeping();
    log.deliver(frame('c'));
    expect(textsOf(log, 1002)).toEqual(['c']);
    expect(textsOf(log, 1001)).toBe('expired');
    expect(heard).toHaveLength(3);
  });

  it('counts on in another count, of which it keeps nothing yet, and says why', () => {
    const log = openStream(100);
    const { heard } = told(log);
    log.deliver(frame('a'));
    log.interrupt();
    log.recount({ epoch: 'f', offset: 7 }, 'expired');
    log.deliver(frame('b'));
    expect([log.epoch, log.interrupted, log.start, log.end]).toEqual(['f', false, 7, 8]);
    expect(heard).toEqual([['a', 1000], 'expired', ['b', 7]]);
    log.restore('g');
    expect([log.epoch, log.end, heard.at(-1)]).toEqual(['g', 8, 'redis']);
  });

  it('says of a point why not all since is kept, and gives out what is a little at a time', () => {
    const log = openStream(10);
    for (const text of ['01234567', 'a', 'b', 'c']) log.deliver(frame(text));
    expect([999, 1000, 1001, 1004, 1005].map((offset) => log.lack({ epoch: 'e', offset }))).toEqual([
      ...['expired', 'expired', undefined, undefined, 'unknown'],
    ]);
    expect(log.lack({ epoch: 'f', offset: 1001 })).toBe('unknown');
    expect(log.some(1002, 1).map(({ payload }) => payload.toString())).toEqual(['b']);
    expect(log.tenant).toBe('acme');
  });

  it('is whole while all of its stream since its beginning is kept', () => {
    const log = openStream(10);
    const knows = () => ({ isBegun: log.isBegun, isWhole: log.isWhole, hasAll: log.hasAll });
    const nothing = { isBegun: false, isWhole: false, hasAll: false };
    expect(knows()).toEqual(nothing);
    log.begin();
    log.deliver(frame('a'));
    expect(knows()).toEqual({ isBegun: true, isWhole: true, hasAll: true });
    expect(log.kept()).toMatchObject({ epoch: 'e', end: 1001, beginning: 1000 });
    log.deliver(frame('0123456789'));
    expect(knows()).toEqual({ isBegun: true, isWhole: false, hasAll: true });
    log.unbegin();
    expect(knows()).toEqual(nothing);
    log.settle();
    expect(knows()).toEqual({ ...nothing, hasAll: true });
    log.recount({ epoch: 'f', offset: 0 }, 'redis');
    expect(knows()).toEqual(nothing);
    log.recount({ epoch: 'g', offset: 5 }, 'unknown', 5);
    expect(knows()).toEqual({ isBegun: true, isWhole: true, hasAll: true });
  });

  it('that leaves out what its client sent takes over the client’s id, and forgets what it kept by another', () => {
    const [own, former] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
    const log = openStream(100, own);
    log.deliver(frame('its own, perhaps'));
    expect(log.cut(former)).toEqual({ epoch: 'e', offset: 1001 });
    expect(log.senderId).toBe(former);
    expect(log.start).toBe(1001);
    log.cut(undefined);
    expect(log.senderId).toBe(former);
  });

  it('that leaves nothing out keeps what it has, and takes over no id', () => {
    const log = openStream(100);
    log.deliver(frame('a'));
    expect(log.cut(Buffer.alloc(16, 2))).toEqual({ epoch: 'e', offset: 1001 });
    expect(log.senderId).toBeUndefined();
    expect(textsOf(log, 1000)).toEqual(['a']);
  });
});

describe("another bridge's frames", () => {
  it('come before those that were heard since the cut', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    log.deliver(frame('live'));
    expect(log.precede(cut, run('h1', 'h2'))).toEqual({ epoch: 'e', offset: 998 });
    expect(textsOf(log, 998)).toEqual(['h1', 'h2', 'live']);
    expect(textsOf(log, 999)).toEqual(['h2', 'live']);
  });

  it('are those alone that are not here already', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    log.precede(cut, run('h2'));
    log.precede(cut, run('h1', 'h2'));
    log.precede(cut, run('h2'));
    expect(textsOf(log, 998)).toEqual(['h1', 'h2']);
  });

  it('say where the stream began, where its other bridge knows', () => {
    const log = openStream(100);
    log.precede(log.cut(undefined), run('h1', 'h2'));
    expect(log.isBegun).toBe(false);
    log.precede(log.cut(undefined), run('h1', 'h2'), 5);
    expect([log.isBegun, log.isWhole]).toEqual([true, false]);
    log.precede(log.cut(undefined), run('h1', 'h2'), 0);
    expect(log.isWhole).toBe(true);
  });

  it('are of no use to another count, nor to one that keeps nothing', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    log.restore('f');
    expect(log.precede(cut, run('h1'), 0)).toEqual({ epoch: 'e', offset: 999 });
    expect([log.start, log.isBegun]).toEqual([1000, false]);
    log.stopKeeping();
    log.precede(log.cut(undefined), run('h1'));
    expect(log.start).toBe(1000);
  });

  it('are never replayed under the offsets of frames from behind the cut that had to go', () => {
    const log = openStream(100);
    const cut = log.cut(undefined);
    for (const text of ['x1', 'x2', 'y'.repeat(99), 'z'.repeat(10)]) log.deliver(frame(text));
    const first = log.precede(cut, run('h1', 'h2'));
    expect(textsOf(log, first.offset)).toBe('expired');
    // Another socket of the same owner, which got x1.
    expect(textsOf(log, 1001)).toBe('expired');
  });
});
