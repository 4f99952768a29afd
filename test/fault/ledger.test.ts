import fc from 'fast-check';
import { Ledger, totalOf, type Published, type Score } from './ledger';
import { numberedFrame } from './numbered-frame';

const CLEAN: Score = {
  heard: 0,
  coveredLosses: 0,
  silentLosses: 0,
  duplicates: 0,
  outOfOrder: 0,
  foreign: 0,
  damaged: 0,
};

/** Published of each channel alike. */
function published(count: number, unconfirmed: readonly number[] = []): () => Published {
  return () => ({ count, unconfirmed: new Set(unconfirmed) });
}

/** A ledger of the channel `a` that heard this. */
function ledgerOf(...heard: readonly (number | 'gap')[]): Ledger {
  const ledger = new Ledger(['a']);
  for (const each of heard) {
    if (each === 'gap') ledger.gap();
    else ledger.message(numberedFrame('a', each));
  }
  return ledger;
}

describe('a ledger', () => {
  it('of every frame once and in order finds no fault', () => {
    expect(ledgerOf(0, 1, 2).score(published(3))).toEqual({ ...CLEAN, heard: 3 });
  });

  it.each([
    ['at the beginning', [1, 2], 1],
    ['in the middle', [0, 2], 1],
    ['at the end', [0, 1], 1],
    ['everywhere', [], 3],
  ])('counts a frame that is lost %s without a gap', (_, heard, silentLosses) => {
    const score = ledgerOf(...heard).score(published(3));
    expect(score).toEqual({ ...CLEAN, heard: heard.length, silentLosses });
  });

  it.each([
    ['at the beginning', ['gap', 1, 2]],
    ['in the middle', [0, 'gap', 2]],
    ['at the end', [0, 1, 'gap']],
  ] as const)('excuses a frame that is lost %s when a gap stands in its place', (_, heard) => {
    expect(ledgerOf(...heard).score(published(3))).toEqual({ ...CLEAN, heard: 2, coveredLosses: 1 });
  });

  it.each([
    ['too early', ['gap', 0, 2]],
    ['too late', [0, 2, 'gap']],
  ] as const)('does not excuse a loss by a gap that comes %s', (_, heard) => {
    expect(ledgerOf(...heard).score(published(3))).toEqual({ ...CLEAN, heard: 2, silentLosses: 1 });
  });

  it('counts a frame that comes twice, also long after', () => {
    expect(ledgerOf(0, 1, 1, 2, 0).score(published(3))).toEqual({ ...CLEAN, heard: 3, duplicates: 2 });
  });

  it('counts a frame that is late, as such and not as lost', () => {
    expect(ledgerOf(0, 2, 1, 3).score(published(4))).toEqual({ ...CLEAN, heard: 4, outOfOrder: 1 });
  });

  it("counts another tenant's frame, and takes it for none of its own", () => {
    const ledger = ledgerOf(0);
    ledger.message(numberedFrame('b', 1));
    expect(ledger.score(published(2))).toEqual({ ...CLEAN, heard: 1, foreign: 1, silentLosses: 1 });
  });

  it.each(['', 'x', '{}', 'null', `${numberedFrame('a', 0)} `, numberedFrame('a', 0).slice(1)])(
    'counts %p, which nobody published',
    (text) => {
      const ledger = new Ledger(['a']);
      ledger.message(text);
      expect(ledger.score(published(0))).toEqual({ ...CLEAN, damaged: 1 });
    },
  );

  it('does not ask for a frame whose publishing Redis did not confirm, and takes it when it comes', () => {
    expect(ledgerOf(0, 3).score(published(5, [1, 2, 4]))).toEqual({ ...CLEAN, heard: 2 });
    expect(ledgerOf(0, 1, 3).score(published(5, [1, 2, 4]))).toEqual({ ...CLEAN, heard: 3 });
  });

  it('keeps channels apart: a gap is told for all, and spent by the next frame of each', () => {
    const ledger = new Ledger(['a', 'b']);
    ledger.message(numberedFrame('a', 0));
    ledger.gap();
    ledger.message(numberedFrame('a', 2));
    ledger.message(numberedFrame('b', 1));
    expect(ledger.score(published(3))).toEqual({ ...CLEAN, heard: 3, coveredLosses: 2, silentLosses: 1 });
  });

  it('is complete once it heard the last frame of each channel, or was told of a gap since', () => {
    const ledger = new Ledger(['a', 'b']);
    ledger.message(numberedFrame('a', 1));
    expect(ledger.isComplete(published(2))).toBe(false);
    ledger.message(numberedFrame('b', 1));
    expect(ledger.isComplete(published(2))).toBe(true);
    expect(ledger.isComplete(published(3))).toBe(false);
    ledger.gap();
    expect(ledger.isComplete(published(3))).toBe(true);
  });

  it('has reached a number once it heard that or a later one, of each channel', () => {
    const ledger = new Ledger(['a', 'b']);
    ledger.message(numberedFrame('a', 3));
    ledger.message(numberedFrame('b', 1));
    ledger.gap();
    expect(ledger.hasReached(() => 1)).toBe(true);
    expect(ledger.hasReached((channel) => (channel === 'b' ? 2 : 0))).toBe(false);
  });

  it('accounts for each frame exactly once, whatever is heard', () => {
    const heard = fc.array(fc.oneof(fc.nat(20), fc.constant('gap' as const)), { maxLength: 60 });
    fc.assert(
      fc.property(heard, (events) => {
        const score = ledgerOf(...events).score(published(21));
        const numbers = new Set(events.filter((each) => each !== 'gap'));
        expect(score.heard).toBe(numbers.size);
        expect(score.heard + score.coveredLosses + score.silentLosses).toBe(21);
        expect(score.heard + score.duplicates).toBe(events.filter((each) => each !== 'gap').length);
      }),
    );
  });
});

describe('scores', () => {
  it('add up', () => {
    const scores = [ledgerOf(0, 2), ledgerOf(0, 'gap', 2, 2)].map((ledger) => ledger.score(published(3)));
    expect(totalOf(scores)).toEqual({ ...CLEAN, heard: 4, silentLosses: 1, coveredLosses: 1, duplicates: 1 });
  });
});
