import { jest } from '@jest/globals';
import fc from 'fast-check';
import { batchOf, MAX_BATCH_BYTES } from '../../../sidecar/fanout/write-batch';
import {
  BUSY_UTILIZATION,
  CALM_UTILIZATION,
  FlushDelay,
  SAMPLE_INTERVAL_MS,
} from '../../../sidecar/fanout/flush-delay';
import { FrameList } from '../../../sidecar/fanout/frame-list';
import { LoopShares, SHARE_MS, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import {
  MAX_SMALL_WRITES,
  SMALL_WRITES_OF_MANY,
  FlushScheduler,
} from '../../../sidecar/fanout/flush-scheduler';
import { outgoingText } from '../../../sidecar/fanout/frame';

const item = (text: string): ReturnType<typeof outgoingText> => outgoingText(text, 'note');

describe('runs of a turn', () => {
  it('hold for each socket exactly what came for it, in order, and are one run where that is the same', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 12 });
    const targets = fc.array(fc.nat({ max: 3 }), { maxLength: 12 });
    fc.assert(
      fc.property(sizes, targets, (lengths, missing) => {
        const empty = FrameList.empty();
        const runs = [empty, empty, empty];
        const came: Buffer[][] = [[], [], []];
        for (const [index, length] of lengths.entries()) {
          const each = item('x'.repeat(length));
          for (const socket of [0, 1, 2]) {
            if (missing[index] === socket) continue;
            runs[socket] = (runs[socket] ?? empty).with(each);
            came[socket]?.push(each.wire);
          }
        }
        const written = runs.map((run) => Buffer.concat(run.batches.map(({ wire }) => wire)));
        for (const socket of [0, 1, 2]) {
          const expected = Buffer.concat(came[socket] ?? []);
          expect(written[socket]?.equals(expected)).toBe(true);
          expect(runs[socket]?.bytes).toBe(expected.length);
        }
        const same = missing.slice(0, lengths.length).every((socket) => socket > 1);
        if (same) expect(runs[0]).toBe(runs[1]);
      }),
    );
  });

  it('put small frames together and leave a large one alone, not copied', () => {
    const [small, large] = [item('a'), item('b'.repeat(100_000))];
    const run = [small, small, large, small].reduce((longer, each) => longer.with(each), FrameList.empty());
    expect(run.batches.map(({ items }) => items.length)).toEqual([2, 1, 1]);
    expect(run.batches[1]?.wire).toBe(large.wire);
    expect(run.batches).toBe(run.batches);
  });

  it('count data frames and their payloads, nothing else', () => {
    const frame = { ...item('12345'), kind: 'data' } as const;
    expect(batchOf([frame, item('note'), frame])).toMatchObject({ frames: 2, payloadBytes: 10 });
  });
});

describe('the pace of turns', () => {
  const MAX_MS = 16;

  it('lets a turn end at once while the loop has time, however much there is to write', () => {
    const flushDelay = new FlushDelay(MAX_MS, () => BUSY_UTILIZATION);
    flushDelay.wrote(0, 50);
    expect(flushDelay.delayMs(50)).toBe(0);
  });

  it('gathers in proportion to the time that writing took, up to the limit, once the loop is busy', () => {
    const flushDelay = new FlushDelay(MAX_MS, () => 0.9);
    expect(flushDelay.delayMs(0)).toBe(0);
    flushDelay.wrote(0, 2);
    expect(flushDelay.delayMs(2)).toBe(6);
    expect(flushDelay.delayMs(5)).toBe(3);
    expect(flushDelay.delayMs(100)).toBe(0);
    flushDelay.wrote(100, 120);
    expect(flushDelay.delayMs(120)).toBe(MAX_MS);
  });

  it('goes on until the loop is calm, and looks at it now and then only', () => {
    let utilization = 0.9;
    let looks = 0;
    const flushDelay = new FlushDelay(MAX_MS, () => {
      looks += 1;
      return utilization;
    });
    const delayAfterWrite = (nowMs: number): number => {
      flushDelay.wrote(nowMs - 1, nowMs);
      return flushDelay.delayMs(nowMs);
    };
    expect(delayAfterWrite(0)).toBe(3);
    utilization = (BUSY_UTILIZATION + CALM_UTILIZATION) / 2;
    expect(delayAfterWrite(SAMPLE_INTERVAL_MS)).toBe(3);
    utilization = CALM_UTILIZATION;
    expect(delayAfterWrite(2 * SAMPLE_INTERVAL_MS - 1)).toBe(3);
    expect(looks).toBe(2);
    expect(delayAfterWrite(2 * SAMPLE_INTERVAL_MS)).toBe(0);
    utilization = (BUSY_UTILIZATION + CALM_UTILIZATION) / 2;
    expect(delayAfterWrite(3 * SAMPLE_INTERVAL_MS)).toBe(0);
  });

  it('never waits when the limit is 0', () => {
    const flushDelay = new FlushDelay(0, () => 1);
    flushDelay.wrote(0, 10);
    expect(flushDelay.delayMs(10)).toBe(0);
  });
});

describe('a turn', () => {
  const idle = (): FlushDelay => new FlushDelay(16, () => 0);

  it('ends with one flush for each that joined, before anything that comes later', async () => {
    const scheduler = new FlushScheduler(idle());
    const flushed: string[] = [];
    scheduler.join({ owner: 'acme', bytes: 1, flush: () => flushed.push('a') });
    scheduler.join({ owner: 'acme', bytes: 1, flush: () => flushed.push('b') });
    expect(flushed).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(flushed).toEqual(['a', 'b']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(flushed).toEqual(['a', 'b']);
  });

  it('gives all of a turn the same empty run, and the next turn another', () => {
    const scheduler = new FlushScheduler(idle());
    const waiting = { owner: 'acme', bytes: 1, flush: () => undefined };
    const first = scheduler.join(waiting);
    expect(scheduler.join(waiting)).toBe(first);
    scheduler.end();
    expect(scheduler.join(waiting)).not.toBe(first);
    scheduler.end();
  });

  it('lets what joins while it ends wait for the next one', async () => {
    const scheduler = new FlushScheduler(idle());
    let flushes = 0;
    const again = { owner: 'acme', bytes: 1, flush: () => (flushes += 1) };
    scheduler.join({ owner: 'acme', bytes: 1, flush: () => scheduler.join(again) });
    scheduler.end();
    expect(flushes).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(flushes).toBe(1);
  });

  it('says how long its first frame waited, by a clock of its own too', () => {
    const lags: number[] = [];
    let nowMs = 5;
    const join = (scheduler: FlushScheduler): void => {
      scheduler.join({ owner: 'acme', bytes: 1, flush: () => (nowMs += 2) });
      nowMs += 1;
      scheduler.end();
    };
    const told = (lagMs: number): unknown => lags.push(lagMs);
    join(new FlushScheduler(idle(), told, undefined, () => nowMs));
    join(new FlushScheduler(idle(), told));
    expect(lags).toEqual([3, expect.any(Number)]);
    expect(lags[1]).toBeGreaterThanOrEqual(0);
    expect(lags[1]).toBeLessThan(performance.now());
  });

  it('with nothing to write says nothing, and is no measure of what writing takes', () => {
    const told: unknown[] = [];
    const flushDelay = idle();
    const wrote = jest.spyOn(flushDelay, 'wrote');
    new FlushScheduler(flushDelay, (lagMs) => told.push(lagMs)).end();
    expect([told, wrote.mock.calls]).toEqual([[], []]);
  });

  it('gathers for as long as a busy loop is to be spared', () => {
    jest.useFakeTimers();
    try {
      const flushDelay = new FlushDelay(16, () => 1);
      const scheduler = new FlushScheduler(flushDelay, undefined, undefined, () => 0);
      flushDelay.wrote(-16, 0);
      const flush = jest.fn(() => 0);
      scheduler.join({ owner: 'acme', bytes: 1, flush });
      jest.advanceTimersByTime(15);
      expect(flush).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(flush).toHaveBeenCalledTimes(1);
    } finally {
      jest.useRealTimers();
    }
  });

  describe('whose writes take longer than a slice', () => {
    const WRITE_MS = SHARE_MS;
    const BEGUN_MS = 7;
    let nowMs: number;
    let later: (() => void)[];
    let lags: number[];
    let flushDelay: FlushDelay;
    let scheduler: FlushScheduler;
    let written: string[];

    beforeEach(() => {
      [nowMs, later, lags, written] = [BEGUN_MS, [], [], []];
      flushDelay = new FlushDelay(0, () => 0);
      scheduler = new FlushScheduler(
        flushDelay,
        (lagMs) => lags.push(lagMs),
        new LoopShares({ nowMs: () => nowMs, later: (run) => later.push(run) }),
        () => nowMs,
      );
    });
    const joinSmall = (owner: string): void => {
      scheduler.join({
        owner,
        bytes: MAX_BATCH_BYTES,
        flush: () => {
          nowMs += WRITE_MS;
          written.push(owner);
        },
      });
    };
    const join = (owner: string): void => {
      scheduler.join({
        owner,
        bytes: MAX_BATCH_BYTES + 1,
        flush: () => {
          nowMs += WRITE_MS;
          written.push(owner);
        },
      });
    };
    const nextTurnOfTheLoop = (): void => {
      for (const run of later.splice(0)) run();
    };

    it('lets in whatever else came after at most a slice', () => {
      for (let index = 0; index < 100; index += 1) join('acme');
      let fromMs = nowMs;
      scheduler.end();
      expect(nowMs - fromMs).toBeLessThanOrEqual(SLICE_MS);
      while (later.length > 0) {
        fromMs = nowMs;
        nextTurnOfTheLoop();
        expect(nowMs - fromMs).toBeLessThanOrEqual(SLICE_MS);
      }
      expect(written).toHaveLength(100);
    });

    it('writes for another tenant before the rest, though it came last', () => {
      for (let index = 0; index < 100; index += 1) join('acme');
      join('evil');
      scheduler.end();
      expect(written).toContain('evil');
      expect(written.length).toBeLessThanOrEqual(SLICE_MS / WRITE_MS + 1);
      expect(written.indexOf('evil')).toBeLessThanOrEqual(SHARE_MS / WRITE_MS);
    });

    it('writes what is small before what is large, though it came last', () => {
      for (let index = 0; index < 100; index += 1) join('acme');
      scheduler.join({ owner: 'acme', bytes: MAX_BATCH_BYTES, flush: () => written.push('small') });
      scheduler.end();
      expect(written[0]).toBe('small');
    });

    it('is not cut when they are small and not very many: each frame would cost more', () => {
      for (let index = 0; index < MAX_SMALL_WRITES; index += 1) joinSmall('acme');
      scheduler.end();
      expect(written).toHaveLength(MAX_SMALL_WRITES);
    });

    it('is cut when they are very many, and writes for another tenant before the rest', () => {
      for (let index = 0; index < 2 * MAX_SMALL_WRITES; index += 1) joinSmall('acme');
      joinSmall('evil');
      scheduler.end();
      expect(written.length).toBeLessThanOrEqual(SMALL_WRITES_OF_MANY + SLICE_MS / WRITE_MS);
      expect(written.slice(SMALL_WRITES_OF_MANY)).toContain('evil');
      while (later.length > 0) nextTurnOfTheLoop();
      expect(written).toHaveLength(2 * MAX_SMALL_WRITES + 1);
    });

    it('gathers as much of a flush that is cut as of the most that is not', () => {
      const wrote = jest.spyOn(flushDelay, 'wrote');
      for (const sockets of [MAX_SMALL_WRITES, MAX_SMALL_WRITES + 1]) {
        for (let index = 0; index < sockets; index += 1) joinSmall('acme');
        scheduler.end();
        while (later.length > 0) nextTurnOfTheLoop();
      }
      const took = wrote.mock.calls.map(([fromMs, toMs]) => toMs - fromMs);
      expect(took[0]).toBeCloseTo(MAX_SMALL_WRITES * WRITE_MS, 6);
      expect(took[1]).toBeCloseTo(MAX_SMALL_WRITES * WRITE_MS, 6);
    });

    it.each([1, SMALL_WRITES_OF_MANY, MAX_SMALL_WRITES - 1])(
      'takes %i writes for what they are',
      (writes) => {
        const wrote = jest.spyOn(flushDelay, 'wrote');
        for (let index = 0; index < writes; index += 1) joinSmall('acme');
        scheduler.end();
        expect(wrote).toHaveBeenCalledWith(BEGUN_MS, BEGUN_MS + writes * WRITE_MS);
      },
    );

    it('tells of its lag once, when all is written', () => {
      for (const owner of ['acme', 'evil', 'third']) for (let index = 0; index < 10; index += 1) join(owner);
      scheduler.end();
      expect(lags).toEqual([]);
      while (later.length > 0) nextTurnOfTheLoop();
      expect(written).toHaveLength(30);
      expect(lags).toEqual([nowMs - BEGUN_MS]);
    });

    it('tells of its lag with the last write of a slice, not a slice later', () => {
      for (let index = 0; index < SLICE_MS / WRITE_MS; index += 1) join('acme');
      scheduler.end();
      expect(lags).toEqual([SLICE_MS]);
    });

    it('lets the next turn begin meanwhile', () => {
      for (let index = 0; index < 100; index += 1) join('acme');
      scheduler.end();
      join('evil');
      scheduler.end();
      nextTurnOfTheLoop();
      nextTurnOfTheLoop();
      expect(written).toContain('evil');
      expect(written.length).toBeLessThan(100);
      while (later.length > 0) nextTurnOfTheLoop();
      expect(written).toHaveLength(101);
    });
  });
});
