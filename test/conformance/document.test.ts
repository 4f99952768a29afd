import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { Verdict } from './case';
import { CASES } from './cases';
import { SIZES } from './cases/sizes';

const DOCUMENT = readFileSync(join(__dirname, '../../docs/conformance.md'), 'utf8');
const VERDICTS: readonly Verdict[] = ['OK', 'NON-STRICT', 'INFORMATIONAL', 'FAILED'];
const ALL = [...CASES, ...SIZES];

it('docs/conformance.md has the number of cases of each group and verdict', () => {
  const groups = [...new Set(ALL.map(({ id }) => Number(id.split('.')[0])))].sort((a, b) => a - b);
  const counted = groups.map((group) => {
    const verdicts = ALL.filter(({ id }) => id.startsWith(`${group}.`)).map(({ verdict }) => verdict);
    return [group, ...VERDICTS.map((verdict) => verdicts.filter((each) => each === verdict).length)];
  });
  const written = [...DOCUMENT.matchAll(/^\| (\d+) +\|[^|]+\|((?: +\d+ +\|){4})$/gm)].map(
    ([, group, counts = '']) => [Number(group), ...[...counts.matchAll(/\d+/g)].map(Number)],
  );
  expect(written).toEqual(counted);
});

it('no case has two rows', () => {
  expect(new Set(ALL.map(({ id }) => id)).size).toBe(ALL.length);
});
