import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { Judge } from '../../../dev/mutants/judge';
import { questionFor } from '../../../dev/mutants/plan';
import type { Verdict } from '../../../dev/mutants/question';

const PROGRAMS = join(__dirname, '../../../dist/dev/mutants');
const WORKER = join(PROGRAMS, 'worker.js');
const TESTS = join(__dirname, 'door-tests.ts');

/** The code of door.ts with switches in it, as Stryker puts them. */
const MUTATED = `
  const mutants = (globalThis as any).__stryker__;
  function is(id: string): boolean {
    const { static: loaded, perTest } = mutants.mutantCoverage;
    const reached = mutants.currentTestId === undefined ? loaded : perTest[mutants.currentTestId];
    reached[id] = (reached[id] ?? 0) + 1;
    if (mutants.activeMutant !== id) return false;
    if (++mutants.hitCount > mutants.hitLimit) throw new Error('too often');
    return true;
  }
  const GROWN_UP = is('older') ? 99 : 18;
  export class Door {
    readonly #opened = new Set<number>();
    opensTo(age: number): boolean {
      while (is('endless'));
      if (is('hung aloud')) for (require('node:fs').writeSync(2, String(process.pid)); ; );
      if (is('hung')) for (;;);
      if (is('above') ? age > GROWN_UP : age >= GROWN_UP) if (!is('unopened')) this.#opened.add(age);
      if (is('left open')) this.#opened.add(3);
      return is('shut') ? false : this.#opened.has(age);
    }
  }
`;

let judge: Judge;
beforeEach(() => {
  judge = new Judge({ [join(__dirname, 'door.ts')]: MUTATED }, WORKER);
});
afterEach(() => {
  judge.end();
});

async function verdictOn(id: string, fresh?: boolean): Promise<Verdict> {
  const question = questionFor(id, await judge.baseline([TESTS]));
  if (question === undefined) throw new Error(`expected a test to reach ${id}`);
  return judge.verdict(fresh === undefined ? question : { ...question, fresh });
}

describe('a mutant', () => {
  it.each([
    ['that a test notices is killed by it', 'shut', { status: 'killed', by: 'opens to a grown-up' }],
    ['that no test notices survives', 'above', { status: 'survived' }],
    ['that is reached while code is loaded is in it then', 'older', { status: 'killed' }],
    ['that goes round without an end is stopped', 'endless', { status: 'killed' }],
    ['that goes round elsewhere without an end is given up', 'hung', { status: 'timeout' }],
  ])('%s', async (_, id, verdict) => {
    expect(await verdictOn(id)).toMatchObject(verdict);
  });

  it('survives in modules that remember better days, and not in new ones', async () => {
    expect(await verdictOn('unopened', false)).toMatchObject({ status: 'survived' });
    expect(await verdictOn('unopened', true)).toMatchObject({ status: 'killed' });
  });

  it('does not answer for what another one left behind', async () => {
    expect(await verdictOn('left open')).toMatchObject({ status: 'killed', by: 'stays shut to a child' });
    expect(await verdictOn('above')).toMatchObject({ status: 'survived' });
  });

  it('is judged as well after one that ended its process', async () => {
    expect(await verdictOn('hung')).toMatchObject({ status: 'timeout' });
    expect(await verdictOn('shut')).toMatchObject({ status: 'killed' });
  });
});

it('no mutant is judged by tests that fail without one', async () => {
  const broken = new Judge(
    { [join(__dirname, 'door.ts')]: 'export class Door { opensTo() { return true; } }' },
    WORKER,
  );
  await expect(broken.baseline([TESTS])).rejects.toThrow('stays shut to a child');
  broken.end();
});

it('a test with a clock of its own may set that on by more than a test may take', async () => {
  const [baseline] = await judge.baseline([join(__dirname, 'clock-tests.ts')]);
  expect(baseline?.tests[0]?.ms).toBeLessThan(60_000);
});

describe('a worker that goes round without an end', () => {
  let pid = 0;
  afterEach(() => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('dies with its parent, of %s too', async (signal) => {
    const program = `
      const { Judge } = require('${PROGRAMS}/judge');
      const { questionFor } = require('${PROGRAMS}/plan');
      const judge = new Judge(${JSON.stringify({ [join(__dirname, 'door.ts')]: MUTATED })});
      judge.baseline(['${TESTS}']).then((each) => judge.verdict(questionFor('hung aloud', each)));
    `;
    const parent = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [said] = (await once(parent.stderr, 'data')) as [Buffer];
    pid = Number(said);
    expect(pid).toBeGreaterThan(0);
    parent.kill(signal);
    // It stays open as long as one of them lives.
    await once(parent.stderr, 'close');
  });
});
