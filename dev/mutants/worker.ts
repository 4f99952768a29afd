import fc from 'fast-check';
import { join } from 'node:path';
import process from 'node:process';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Overdue } from './limit';
import { loadTypeScript } from './load';
import type { Answer, Baseline, Begun, Measured, MutantQuestion, Question, Run, Verdict } from './question';
import { Session, testsOf, type Test } from './test-file';

// The first counterexample will do.
fc.configureGlobal({ endOnFailure: true });

const BASELINE_LIMIT_MS = 60_000;
/** Tests may put a clock of their own in its place. */
const nowMs = performance.now.bind(performance);

/** Stryker's code in a mutated file reads these, and counts in them. */
const switches: {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number;
  hitLimit?: number;
  mutantCoverage: {
    static: Record<string, number>;
    perTest: Record<string, Record<string, number>>;
  };
} = { mutantCoverage: { static: {}, perTest: {} } };
Object.assign(globalThis, { __stryker__: switches });

const loaded = new Map<string, readonly Test[]>();

/** Tests of a file, which is loaded once while it comes to no harm. */
function warm(file: string): readonly Test[] {
  const tests = loaded.get(file) ?? testsOf(file);
  loaded.set(file, tests);
  return tests;
}

async function baseline(file: string): Promise<Baseline> {
  const { mutantCoverage } = switches;
  mutantCoverage.static = {};
  const measured: Measured[] = [];
  const session = new Session(BASELINE_LIMIT_MS);
  for (const test of warm(file)) {
    const reached: Record<string, number> = {};
    mutantCoverage.perTest = { test: reached };
    const failure = await failureOf(async () => {
      await session.prepare(test);
      switches.currentTestId = 'test';
    });
    const begun = nowMs();
    const own = failure ?? (await failureOf(() => session.run(test)));
    switches.currentTestId = undefined;
    measured.push({ name: test.name, ms: nowMs() - begun, reached, failure: own && String(own) });
  }
  await session.end();
  return { file, tests: measured, reached: mutantCoverage.static };
}

async function failureOf(work: () => Promise<void>): Promise<Error | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function judge(question: MutantQuestion): Promise<Verdict> {
  const forget = (): void => {
    if (question.fresh) for (const { file } of question.runs) loaded.delete(file);
  };
  forget();
  for (const run of question.runs) {
    const verdict = await judgeBy(run, question);
    if (verdict === undefined) continue;
    forget();
    if (verdict.spent || question.fresh || (await isSound(run, verdict.test))) return verdict;
    // It failed of what an earlier mutant left behind.
    loaded.delete(run.file);
    const again = await judgeBy(run, question);
    loaded.delete(run.file);
    if (again !== undefined) return again;
  }
  forget();
  return { status: 'survived', spent: false };
}

type Failed = Verdict & { readonly test: number };

async function judgeBy(run: Run, { id, maxHits }: MutantQuestion): Promise<Failed | undefined> {
  Object.assign(switches, { activeMutant: id, hitCount: 0, hitLimit: maxHits });
  const failed = await firstFailure(run);
  switches.activeMutant = undefined;
  return failed;
}

async function firstFailure(run: Run): Promise<Failed | undefined> {
  const { file, tests: numbers, limitMs } = run;
  process.send?.({ begun: run } satisfies Begun);
  const session = new Session(limitMs);
  let found: Failed | undefined;
  for (const number of numbers) {
    const error = await failureOf(async () => {
      const test = testAt(file, number);
      await session.prepare(test);
      await session.run(test);
    });
    if (error === undefined) continue;
    const isOverdue = error instanceof Overdue;
    const by = loaded.get(file)?.[number]?.name ?? `loading ${file}`;
    found = { status: isOverdue ? 'timeout' : 'killed', by, file, spent: isOverdue, test: number };
    break;
  }
  if (found?.spent === true) return found;
  const ending = await failureOf(() => session.end());
  // Work that is still under way ends with the mutant that began it.
  await turn();
  return ending === undefined
    ? found
    : { status: 'killed', by: 'what is done last', file, test: 0, ...found, spent: true };
}

function testAt(file: string, number: number): Test {
  const test = warm(file)[number];
  if (test === undefined) throw new Error(`expected a test ${number} of ${file}`);
  return test;
}

/** Whether a test passes without a mutant, in the very modules in which it failed with one. */
async function isSound({ file, limitMs }: Run, number: number): Promise<boolean> {
  return (await firstFailure({ file, tests: [number], limitMs, ms: 0, isQuick: true })) === undefined;
}

async function answer(question: Question): Promise<Answer> {
  if (question.kind === 'mutant') return judge(question);
  const baselines: Baseline[] = [];
  for (const file of question.files) baselines.push(await baseline(file));
  return baselines;
}

new Worker(join(__dirname, 'watch.js')).unref();
process.once('message', (sources: Readonly<Record<string, string>>) => {
  loadTypeScript(sources);
  process.on('message', (question: Question) => {
    void answer(question).then((said) => process.send?.(said));
  });
});
