import fc from 'fast-check';
import {
  FORGIVENESS_MS,
  RateLimiter,
  type MessageRate,
  type MessageVerdict,
} from '../../../sidecar/inbound/rate-limiter';

const START_MS = 1_700_000_000_000;

const RATE: fc.Arbitrary<MessageRate> = fc.record({
  perSecond: fc.integer({ min: 1, max: 2000 }),
  burst: fc.integer({ min: 1, max: 300 }),
});
/** Milliseconds between messages. */
const GAPS = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 400 })), {
  maxLength: 600,
});

interface Sent {
  readonly atMs: number;
  readonly verdict: MessageVerdict;
}

function send(rate: MessageRate, gaps: readonly number[]): readonly Sent[] {
  const rateLimiter = new RateLimiter(rate);
  let atMs = START_MS;
  return gaps.map((gap) => ({ atMs: (atMs += gap), verdict: rateLimiter.take(atMs) }));
}

/** The most of `times` that any window of `windowMs` holds, beyond what `perSecond` gives in it. */
function expectAtMost(times: readonly number[], burst: number, perSecond: number): void {
  for (let first = 0; first < times.length; first += 7) {
    for (let last = first; last < times.length; last += 1) {
      const windowMs = (times[last] ?? 0) - (times[first] ?? 0);
      expect(last - first + 1).toBeLessThanOrEqual(burst + (windowMs * perSecond) / 1000);
    }
  }
}

describe("a socket's messages", () => {
  it('are taken, a burst at once and then so many a second, in every window', () => {
    fc.assert(
      fc.property(RATE, GAPS, (rate, gaps) => {
        const taken = send(rate, gaps).filter(({ verdict }) => verdict === 'taken');
        expectAtMost(
          taken.map(({ atMs }) => atMs),
          rate.burst,
          rate.perSecond,
        );
      }),
    );
  });

  it('are refused, a burst and as many again in ten seconds, in every window, before it is a flood', () => {
    fc.assert(
      fc.property(RATE, GAPS, (rate, gaps) => {
        const refused = send(rate, gaps).filter(({ verdict }) => verdict === 'refused');
        expectAtMost(
          refused.map(({ atMs }) => atMs),
          rate.burst,
          (rate.burst * 1000) / FORGIVENESS_MS,
        );
      }),
    );
  });

  it('are all taken when they never come faster than the rate', () => {
    fc.assert(
      fc.property(RATE, fc.integer({ min: 1, max: 300 }), ({ perSecond, burst }, count) => {
        const gaps = Array.from({ length: count }, () => Math.ceil(1000 / perSecond));
        expect(new Set(send({ perSecond, burst }, gaps).map(({ verdict }) => verdict))).toEqual(
          new Set(['taken']),
        );
      }),
    );
  });

  it('are all taken while they are no more than the burst, and the burst is there again after a rest', () => {
    fc.assert(
      fc.property(RATE, ({ perSecond, burst }) => {
        const restMs = Math.ceil((burst * Math.ceil(1e6 / perSecond)) / 1000);
        const gaps = Array.from({ length: 2 * burst }, (_, i) => (i === burst ? restMs : 0));
        expect(send({ perSecond, burst }, gaps).every(({ verdict }) => verdict === 'taken')).toBe(true);
      }),
    );
  });

  it('are taken as they came, however late they are read, and no more than that', () => {
    const heldMs = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(RATE, GAPS, heldMs, heldMs, (rate, gaps, fromMs, ms) => {
        const sent = send(rate, gaps);
        const late = new RateLimiter(rate);
        const [begunMs, endMs] = [START_MS + fromMs, START_MS + fromMs + ms];
        for (const { atMs, verdict } of sent) {
          const isHeld = atMs >= begunMs && atMs < endMs;
          if (verdict === 'taken') expect(isHeld ? late.take(endMs, begunMs) : late.take(atMs)).toBe('taken');
        }
      }),
    );
    fc.assert(
      fc.property(RATE, heldMs, (rate, ms) => {
        const late = new RateLimiter(rate);
        let taken = 0;
        while (late.take(START_MS + ms, START_MS) === 'taken') taken += 1;
        expect(taken).toBeLessThanOrEqual(rate.burst + (ms * rate.perSecond) / 1000);
      }),
    );
  });

  it('at once are: taken to the burst, refused as often, then a flood', () => {
    fc.assert(
      fc.property(RATE, (rate) => {
        const gaps = Array.from({ length: 3 * rate.burst }, () => 0);
        const verdicts = send(rate, gaps).map(({ verdict }) => verdict);
        expect(verdicts).toEqual(
          (['taken', 'refused', 'flood'] as const).flatMap((verdict) =>
            Array.from({ length: rate.burst }, () => verdict),
          ),
        );
      }),
    );
  });

  it('are taken again when a flood has rested', () => {
    const rateLimiter = new RateLimiter({ perSecond: 10, burst: 3 });
    for (let i = 0; i < 6; i += 1) rateLimiter.take(START_MS);
    expect(rateLimiter.take(START_MS)).toBe('flood');
    expect(rateLimiter.take(START_MS + 99)).toBe('flood');
    expect(rateLimiter.take(START_MS + 100)).toBe('taken');
  });

  it('do not wait for a clock that was set back', () => {
    const rateLimiter = new RateLimiter({ perSecond: 10, burst: 3 });
    for (let i = 0; i < 6; i += 1) rateLimiter.take(START_MS);
    const before = START_MS - 3_600_000;
    expect(rateLimiter.take(before)).toBe('taken');
    expect(rateLimiter.take(before)).toBe('refused');
    expect(rateLimiter.take(before + 100)).toBe('taken');
  });

  it('are taken without end when there is no rate, and what is refused is bounded all the same', () => {
    const rateLimiter = new RateLimiter({ perSecond: 0, burst: 2 });
    for (let i = 0; i < 1000; i += 1) expect(rateLimiter.take(START_MS)).toBe('taken');
    expect([
      rateLimiter.refuse(START_MS),
      rateLimiter.refuse(START_MS),
      rateLimiter.refuse(START_MS),
    ]).toEqual(['refused', 'refused', 'flood']);
  });
});
