import fc from 'fast-check';
import { parseResumePoint, replayFrom } from '../../sidecar/resume';
import { Ring } from '../../sidecar/ring';

describe('a ring', () => {
  it('keeps the most recent items that fit its count and its bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 40 })),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 100 }),
        fc.nat({ max: 1000 }),
        (sizes, maxItems, maxBytes, first) => {
          const ring = new Ring<number>({ maxItems, maxBytes }, (size) => size, first);
          sizes.forEach((size) => {
            ring.push(size);
          });
          let kept: number[] = [];
          for (const size of sizes) {
            kept = [...kept, size].slice(-maxItems);
            while (kept.reduce((sum, each) => sum + each, 0) > maxBytes) kept.shift();
          }
          expect(ring.end).toBe(first + sizes.length);
          expect(ring.start).toBe(ring.end - kept.length);
          expect(ring.since(ring.start)).toEqual(kept);
          expect(ring.since(ring.start - 1)).toBeUndefined();
          expect(ring.since(ring.end)).toEqual([]);
          expect(ring.since(ring.end + 1)).toBeUndefined();
          expect(ring.bytes).toBe(kept.reduce((sum, each) => sum + each, 0));
        },
      ),
    );
  });

  it('takes older items before its oldest, the most recent of them, as far as there is room', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 40 })),
        fc.array(fc.nat({ max: 40 })),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 100 }),
        (older, pushed, maxItems, maxBytes) => {
          const ring = new Ring<number>({ maxItems, maxBytes }, (size) => size, 1000);
          const whole = new Ring<number>({ maxItems, maxBytes }, (size) => size, 1000 - older.length);
          for (const size of pushed) ring.push(size);
          for (const size of [...older, ...pushed]) whole.push(size);
          if (ring.start === 1000) ring.prepend(older);
          else ring.prepend([]);
          expect([ring.start, ring.end, ring.bytes]).toEqual([whole.start, whole.end, whole.bytes]);
          expect(ring.since(ring.start)).toEqual(whole.since(whole.start));
        },
      ),
    );
  });

  it('counts on after it is cleared', () => {
    const ring = new Ring<string>({ maxItems: 4, maxBytes: 100 }, (text) => text.length, 7);
    ring.push('a');
    ring.clear();
    ring.push('b');
    expect([ring.start, ring.since(8), ring.since(7)]).toEqual([8, ['b'], undefined]);
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
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, maxItems) => {
        const ring = new Ring<number>({ maxItems, maxBytes: 1000 }, () => 1, 5);
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
            ring.push(published);
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
            if (beginning.kind === 'resumed') beginning.missed.forEach(take);
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
    const ring = new Ring<string>({ maxItems: 2, maxBytes: 100 }, (text) => text.length, 5);
    for (const text of ['a', 'b', 'c']) ring.push(text);
    expect(replayFrom(point, 'e', ring)).toEqual(expected);
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
