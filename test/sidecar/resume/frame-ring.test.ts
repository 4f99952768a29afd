import fc from 'fast-check';
import { parseResumePoint, replayFrom } from '../../../sidecar/resume/resume-point';
import { frameOf, type Frame } from '../../../sidecar/fanout/frame';
import { FrameRun } from '../../../sidecar/resume/frame-run';
import { FrameRing } from '../../../sidecar/resume/frame-ring';
import { BUFFER_OVERHEAD_BYTES } from '../../../sidecar/lib/keepers';
import { unboundedRings } from './rings';

/** Sizes on either side of what a frame's header and a block have room for. */
const size = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 300 }), fc.constantFrom(125, 126, 65_535, 65_536));
const maxBytes = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 200_000 }));
const maxItems = fc.integer({ min: 1, max: 8 });

/** A frame that tells itself from those before it. */
const sized = (bytes: number, index: number): Frame =>
  frameOf(Buffer.alloc(bytes, index), index % 2 === 0, index % 7 < 3);
const wires = (frames: readonly Frame[] | undefined): unknown =>
  frames?.map(({ wire }) => wire.toString('latin1'));
const text = (frame: Frame): string => frame.payload.toString();
const textFrame = (from: string): Frame => frameOf(Buffer.from(from), false);

describe('a ring', () => {
  it('keeps the most recent frames that fit its count and its bytes, as they were', () => {
    fc.assert(
      fc.property(
        fc.array(size, { maxLength: 60 }),
        maxItems,
        maxBytes,
        fc.nat(),
        (sizes, items, bytes, first) => {
          const ring = new FrameRing({ maxItems: items, maxBytes: bytes }, unboundedRings(), first);
          const frames = sizes.map(sized);
          for (const frame of frames) ring.push(frame);
          let kept: Frame[] = [];
          for (const frame of frames) {
            kept = [...kept, frame].slice(-items);
            while (kept.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0) > bytes) kept.shift();
          }
          expect(ring.end).toBe(first + sizes.length);
          expect(ring.start).toBe(ring.end - kept.length);
          expect(wires(ring.since(ring.start))).toEqual(wires(kept));
          const half = ring.start + Math.floor(kept.length / 2);
          expect(wires(ring.since(half))).toEqual(wires(kept.slice(half - ring.start)));
          expect(ring.since(ring.start - 1)).toBeUndefined();
          expect(ring.since(ring.end)).toEqual([]);
          expect(ring.since(ring.end + 1)).toBeUndefined();
          expect(ring.bytes).toBe(kept.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0));
        },
      ),
    );
  });

  it('keeps a frame that goes to several as the one that they share', () => {
    const rings = [1, 2].map(() => new FrameRing({ maxItems: 3, maxBytes: 100_000 }, unboundedRings()));
    const shared = frameOf(Buffer.from('for all'), false, true);
    for (const ring of rings) ring.push(shared);
    for (const ring of rings) expect(ring.since(0)?.[0]).toBe(shared);
  });

  it('keeps a frame that goes to nobody else as a copy, also behind one that several share', () => {
    const ring = new FrameRing({ maxItems: 3, maxBytes: 100_000 }, unboundedRings());
    const [shared, own] = [frameOf(Buffer.from('for all'), false, true), textFrame('for one')];
    for (const frame of [shared, own]) ring.push(frame);
    const kept = ring.since(0) ?? [];
    expect(kept[0]).toBe(shared);
    expect(kept[1]).not.toBe(own);
    expect(kept.map(text)).toEqual(['for all', 'for one']);
  });

  it('gives up no more than 64 of the frames that several share at a time', () => {
    const ring = new FrameRing({ maxItems: 1000, maxBytes: 100_000 }, unboundedRings());
    for (let count = 0; count < 65; count += 1) ring.push(frameOf(Buffer.from(`${count}`), false, true));
    ring.dropOldest();
    expect([ring.start, ring.since(64)?.map(text), ring.bytes]).toEqual([64, ['64'], 2]);
  });

  it('gives out frames that stay as they are when those that made room for others are overwritten', () => {
    const ring = new FrameRing({ maxItems: 3, maxBytes: 100_000 }, unboundedRings());
    const push = (letter: string): void => {
      ring.push(textFrame(letter.repeat(400)));
    };
    ['a', 'b', 'c'].forEach(push);
    const given = ring.since(0) ?? [];
    for (let count = 0; count < 20; count += 1) push('x');
    expect(given.map((frame) => text(frame)[0])).toEqual(['a', 'b', 'c']);
  });

  it('takes older frames before its oldest, the most recent of them, as far as there is room', () => {
    fc.assert(
      fc.property(fc.array(size), fc.array(size), maxItems, maxBytes, (older, pushed, items, bytes) => {
        const limits = { maxItems: items, maxBytes: bytes };
        const ring = new FrameRing(limits, unboundedRings(), 1000);
        const whole = new FrameRing(limits, unboundedRings(), 1000 - older.length);
        const [before, after] = [older.map(sized), pushed.map(sized)];
        for (const frame of after) ring.push(frame);
        for (const frame of [...before, ...after]) whole.push(frame);
        ring.prepend(FrameRun.of(ring.start === 1000 ? before : []));
        expect([ring.start, ring.end, ring.bytes]).toEqual([whole.start, whole.end, whole.bytes]);
        expect(wires(ring.since(ring.start))).toEqual(wires(whole.since(whole.start)));
      }),
    );
  });

  it('gives out all that it keeps, at once or a little at a time', () => {
    fc.assert(
      fc.property(
        fc.array(size),
        fc.array(size),
        maxItems,
        maxBytes,
        fc.nat(),
        (older, pushed, items, bytes, some) => {
          const ring = new FrameRing({ maxItems: items, maxBytes: bytes }, unboundedRings(), 1000);
          for (const frame of pushed.map(sized)) ring.push(frame);
          ring.prepend(FrameRun.of(ring.start === 1000 ? older.map(sized) : []));
          const kept = ring.since(ring.start) ?? [];
          const run = ring.run();
          expect(run.size).toBe(kept.length);
          expect(run.bytes.equals(Buffer.concat(kept.map(({ wire }) => wire)))).toBe(true);
          const got: Frame[] = [];
          while (ring.start + got.length < ring.end) {
            const part = ring.some(ring.start + got.length, some);
            const before = part.slice(0, -1).reduce((sum, { wire }) => sum + wire.length, 0);
            expect(part.length === 1 || before < some).toBe(true);
            got.push(...part);
          }
          expect(wires(got)).toEqual(wires(kept));
        },
      ),
    );
  });

  it.each([true, false])(
    'gives out no frame more once it has given so many bytes (shared: %s)',
    (isShared) => {
      const ring = new FrameRing({ maxItems: 4, maxBytes: 100 }, unboundedRings());
      const frames = ['a', 'b', 'c'].map((each) => frameOf(Buffer.from(each), false, isShared));
      for (const frame of frames) ring.push(frame);
      const [{ wire } = textFrame('')] = frames;
      const given = (bytes: number) => ring.some(0, bytes).map(text).join('');
      expect([0, 1, wire.length, wire.length + 1, 100].map(given)).toEqual(['a', 'a', 'a', 'ab', 'abc']);
    },
  );

  it('gives out no frame more once it has given so many bytes, in whichever blocks they are', () => {
    const ring = new FrameRing({ maxItems: 4, maxBytes: 100 }, unboundedRings());
    for (const isShared of [true, false, true]) ring.push(frameOf(Buffer.from('x'), false, isShared));
    const bytes = textFrame('x').wire.length;
    const given = [1, 2, 3].map((count) => ring.some(0, count * bytes).length);
    expect([...given, ring.some(1, bytes).length]).toEqual([1, 2, 3, 1]);
  });

  it('keeps as many bytes as it may, to the last one', () => {
    const ring = new FrameRing({ maxItems: 4, maxBytes: 5 }, unboundedRings(), 10);
    ring.push(textFrame('abcde'));
    expect(ring.since(10)?.map(text)).toEqual(['abcde']);
    ring.push(textFrame('ab'));
    ring.prepend(FrameRun.of(['x', 'abc'].map(textFrame)));
    expect([ring.start, ring.since(ring.start)?.map(text), ring.bytes]).toEqual([10, ['abc', 'ab'], 5]);
  });

  it('gives up frames of another bridge in blocks of 32 KiB, the oldest first', () => {
    const ring = new FrameRing({ maxItems: 100, maxBytes: 1_000_000 }, unboundedRings(), 100);
    const sizes = Array.from({ length: 10 }, (_, index) => 10_000 + index);
    ring.prepend(FrameRun.of(sizes.map((bytes) => frameOf(Buffer.alloc(bytes), false))));
    const kept = () => [ring.start, ring.bytes, ring.since(ring.start)?.map(({ payload }) => payload.length)];
    const sum = (from: number): number => sizes.slice(from).reduce((all, bytes) => all + bytes, 0);
    for (const gone of [0, 1, 4, 7, 10]) {
      expect(kept()).toEqual([90 + gone, sum(gone), sizes.slice(gone)]);
      ring.dropOldest();
    }
    expect(kept()).toEqual([100, 0, []]);
  });

  it('has a first block for the many that keep little, and larger ones for those that keep much', () => {
    const rings = unboundedRings();
    const ring = new FrameRing({ maxItems: 1000, maxBytes: 100_000 }, rings);
    const taken: number[] = [];
    for (let count = 0; count < 100; count += 1) {
      ring.push(textFrame('x'.repeat(98)));
      taken.push(rings.bytes);
    }
    const blocks = [...new Set(taken)].map((bytes, index, all) => bytes - (all[index - 1] ?? 0));
    const sizes = blocks.map((bytes) => bytes - BUFFER_OVERHEAD_BYTES);
    expect(sizes.slice(0, 2)).toEqual([1024, 1024]);
    // 20 frames of 98 bytes.
    expect(sizes[2]).toBe(1960);
    ring.clear();
    expect(rings.bytes).toBe(0);
  });

  it('takes no more memory the longer frames come, and none once it has given up all', () => {
    const rings = unboundedRings();
    const ring = new FrameRing({ maxItems: 3, maxBytes: 100_000 }, rings);
    const push = (count: number): void => {
      for (let left = count; left > 0; left -= 1) ring.push(textFrame('x'.repeat(400)));
    };
    push(50);
    const taken = rings.bytes;
    // Its frames, the block that is being filled, and the one that is used again.
    expect(taken).toBeLessThanOrEqual(5 * (2048 + BUFFER_OVERHEAD_BYTES));
    push(500);
    expect(rings.bytes).toBeLessThanOrEqual(taken + 2048 + BUFFER_OVERHEAD_BYTES);
    while (ring.start < ring.end) ring.dropOldest();
    expect(rings.bytes).toBe(0);
    push(50);
    ring.clear();
    expect([rings.bytes, rings.blocks.size]).toEqual([0, 0]);
  });

  it('keeps no block to use it again that was made for one large frame', () => {
    const rings = unboundedRings();
    const ring = new FrameRing({ maxItems: 1, maxBytes: 100_000 }, rings);
    ring.push(textFrame('x'.repeat(50_000)));
    ring.push(textFrame('x'));
    expect(rings.bytes).toBe(1024 + BUFFER_OVERHEAD_BYTES);
  });

  it('counts on after it is cleared', () => {
    const ring = new FrameRing({ maxItems: 4, maxBytes: 100 }, unboundedRings(), 7);
    ring.push(textFrame('a'));
    ring.clear();
    ring.push(textFrame('b'));
    expect([ring.start, ring.since(8)?.map(text), ring.since(7)]).toEqual([8, ['b'], undefined]);
  });
});

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant('publish' as const) },
  { weight: 1, arbitrary: fc.constant('drop' as const) },
  { weight: 1, arbitrary: fc.constant('return' as const) },
  { weight: 1, arbitrary: fc.constant('new epoch' as const) },
);

describe('a client that drops and comes back at any time', () => {
  it('gets every frame exactly once and in order, or a gap where the missing ones were', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, items) => {
        const ring = new FrameRing({ maxItems: items, maxBytes: 1000 }, unboundedRings(), 5);
        let [epoch, published, connected] = [0, 0, true];
        let point = { epoch: '0', offset: ring.end };
        const got: (number | 'gap')[] = [];
        const take = (frame: number): void => {
          got.push(frame);
          point = { ...point, offset: point.offset + 1 };
        };
        const gap = (): void => {
          got.push('gap');
          point = { epoch: `${epoch}`, offset: ring.end };
        };
        for (const taken of [...steps, 'return' as const]) {
          if (taken === 'publish') {
            ring.push(textFrame(`${published}`));
            if (connected) take(published);
            published += 1;
          } else if (taken === 'drop') {
            connected = false;
          } else if (taken === 'new epoch') {
            epoch += 1;
            published += 1;
            ring.clear();
            if (connected) gap();
          } else if (!connected) {
            connected = true;
            const beginning = replayFrom(point, `${epoch}`, ring);
            if (beginning.kind === 'resumed') for (const frame of beginning.missed) take(Number(text(frame)));
            else gap();
          }
        }
        expectWholeOrGap(got, published);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['another epoch', { epoch: 'f', offset: 6 }, { kind: 'gap', reason: 'unknown' }],
    ['an offset that was never reached', { epoch: 'e', offset: 9 }, { kind: 'gap', reason: 'unknown' }],
    ['an offset no longer kept', { epoch: 'e', offset: 5 }, { kind: 'gap', reason: 'expired' }],
    ['the oldest one kept', { epoch: 'e', offset: 6 }, { kind: 'resumed', offset: 6, missed: ['b', 'c'] }],
    ['the present', { epoch: 'e', offset: 8 }, { kind: 'resumed', offset: 8, missed: [] }],
  ])('that asks for %s gets what is due', (_, point, expected) => {
    const ring = new FrameRing({ maxItems: 2, maxBytes: 100 }, unboundedRings(), 5);
    for (const letter of ['a', 'b', 'c']) ring.push(textFrame(letter));
    const beginning = replayFrom(point, 'e', ring);
    expect(
      beginning.kind === 'gap' ? beginning : { ...beginning, missed: beginning.missed.map(text) },
    ).toEqual(expected);
  });
});

/** Frames rise by one, except across a gap; none is missing at the end. */
function expectWholeOrGap(got: readonly (number | 'gap')[], published: number): void {
  let next: number | undefined = 0;
  for (const item of got) {
    if (item === 'gap') {
      next = undefined;
      continue;
    }
    if (next === undefined) expect(item).toBeLessThan(published);
    else expect(item).toBe(next);
    next = item + 1;
  }
  if (next !== undefined) expect(next).toBe(published);
  const frames = got.filter((item) => item !== 'gap');
  expect(frames).toEqual([...new Set(frames)].sort((a, b) => a - b));
}

describe('a resume point', () => {
  it.each([
    '',
    'e',
    'e.',
    '.1',
    'e.-1',
    'e.1.2',
    'e.1e3',
    'é.1',
    'e.99999999999999999',
    `${'e'.repeat(129)}.1`,
  ])('is not %p', (text) => {
    expect(parseResumePoint(text)).toBeUndefined();
  });

  it('is an epoch and an offset', () => {
    expect(parseResumePoint('A-z_0.9007199254740991')).toEqual({
      epoch: 'A-z_0',
      offset: 9007199254740991,
    });
  });
});
