import { describe, expect, it } from '@jest/globals';
import { patienceMs, questionFor } from '../../../dev/mutants/plan';
import type { Baseline } from '../../../dev/mutants/question';

function baseline(
  file: string,
  tests: readonly (readonly [ms: number, reached: Baseline['reached']])[],
  reached: Baseline['reached'] = {},
): Baseline {
  const measured = tests.map(([ms, own]) => ({ name: '', ms, reached: own, failure: undefined }));
  return { file, tests: measured, reached };
}

describe('the tests for a mutant', () => {
  it('are those that reach its place, of the quickest file first', () => {
    const slow = baseline('slow', [[50, { a: 1 }]]);
    const quick = baseline('quick', [
      [1, {}],
      [2, { a: 3, b: 1 }],
      [3, { a: 1 }],
    ]);
    const question = questionFor('a', [slow, quick]);
    expect(question).toMatchObject({ fresh: false, maxHits: 500 });
    expect(question?.runs.map(({ file, tests }) => [file, tests])).toEqual([
      ['quick', [1, 2]],
      ['slow', [0]],
    ]);
  });

  it('are none where none reaches it', () => {
    expect(questionFor('c', [baseline('quick', [[1, { a: 1 }]])])).toBeUndefined();
  });

  it('are all of a file that reaches it while it is loaded, and load it anew', () => {
    const loading = baseline(
      'loading',
      [
        [1, {}],
        [1, { a: 1 }],
      ],
      { a: 1 },
    );
    const question = questionFor('a', [loading]);
    expect(question).toMatchObject({ fresh: true, runs: [{ tests: [0, 1] }] });
  });

  it('may take longer than they took without it', () => {
    const [run] = questionFor('a', [baseline('slow', [[10_000, { a: 1 }]])])?.runs ?? [];
    expect(run?.limitMs).toBeGreaterThan(20_000);
  });

  it('are given up for an endless loop after what their own run is due, not what all others are', () => {
    const runs = questionFor('a', [
      baseline('slow', [[10_000, { a: 1 }]]),
      baseline('quick', [[1, { a: 1 }]]),
    ])?.runs;
    expect(runs?.map((run) => Math.floor(patienceMs(run) / 10_000))).toEqual([0, 20]);
  });
});
