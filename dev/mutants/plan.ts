import type { Baseline, MutantQuestion, Run } from './question';

/** A busy machine is not to be taken for an endless loop. */
const TIMES_AS_LONG = 10;
const LEAST_LIMIT_MS = 1000;
const TIMES_AS_OFTEN = 100;
/** A quick test takes no longer, in milliseconds. */
const QUICK_MS = 30;

/**
 * The tests that reach a mutant's place, quick ones first.
 * @param waiting files whose tests wait for what a mutant may keep from them: others are asked before
 */
export function questionFor(
  id: string,
  baselines: readonly Baseline[],
  waiting: ReadonlySet<string> = new Set(),
): MutantQuestion | undefined {
  const runs = baselines.flatMap((baseline) => runsFor(id, baseline)).filter((run) => run.tests.length > 0);
  if (runs.length === 0) return undefined;
  const rank = ({ file, isQuick }: Run): number => (isQuick ? 0 : 2) + (waiting.has(file) ? 1 : 0);
  runs.sort((a, b) => rank(a) - rank(b) || a.ms - b.ms);
  const hits = baselines.flatMap(({ tests, reached }) => [reached, ...tests.map((test) => test.reached)]);
  const often = hits.reduce((sum, reached) => sum + (reached[id] ?? 0), 0);
  const fresh = baselines.some(({ reached }) => id in reached);
  return { kind: 'mutant', id, maxHits: often * TIMES_AS_OFTEN, fresh, runs };
}

/** How long a run may take before it is given up. */
export function patienceMs({ ms, limitMs }: Run): number {
  return 5 * LEAST_LIMIT_MS + limitMs + TIMES_AS_LONG * ms;
}

function runsFor(id: string, { file, tests, reached }: Baseline): readonly Run[] {
  const numbers = [...tests.keys()].filter((number) => id in reached || id in (tests[number]?.reached ?? {}));
  const msOf = (number: number): number => tests[number]?.ms ?? 0;
  return [true, false].map((isQuick) => {
    const own = numbers.filter((number) => msOf(number) <= QUICK_MS === isQuick);
    const ms = own.reduce((sum, number) => sum + msOf(number), 0);
    const limitMs = LEAST_LIMIT_MS + TIMES_AS_LONG * Math.max(0, ...own.map(msOf));
    return { file, tests: own, isQuick, ms, limitMs };
  });
}
