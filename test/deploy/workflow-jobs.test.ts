import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, yamlFile } from './manifests';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly 'timeout-minutes'?: number;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly node?: readonly number[] } };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = '.github/workflows';
const FILES = readdirSync(join(ROOT, FOLDER));
const JOBS = FILES.flatMap((file) =>
  Object.entries((yamlFile(join(FOLDER, file)) as Workflow).jobs).map(
    ([name, job]) => [`${file}: ${name}`, job] as const,
  ),
);
const { engines, scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
};

/** The rights of a job beyond reading the repository, and why it needs them. */
const MORE_THAN_READING: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Signs the provenance of packages.
  'release.yml: packages': { contents: 'read', 'id-token': 'write' },
  // Push images.
  'release.yml: images': { contents: 'read', packages: 'write' },
  'release.yml: tags': { packages: 'write' },
};

const scriptsOf = ({ steps }: Job): string[] => steps.flatMap(({ run }) => run ?? []);
const matches = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, first]) => first ?? '');

describe.each(JOBS)('%s', (name, job) => {
  it('has an end, and the rights that it needs', () => {
    expect(job['timeout-minutes']).toBeGreaterThan(0);
    expect(job.permissions).toEqual(MORE_THAN_READING[name]);
  });

  it('runs commands that there are', () => {
    for (const script of scriptsOf(job)) {
      const named = [
        ...matches(script, /\bnpm run (?:-s )?([\w:]+)/g),
        ...(/\bnpm test\b/.test(script) ? ['test'] : []),
      ];
      for (const each of named) expect(Object.keys(scripts)).toContain(each);
      const files = [
        ...matches(script, /(?:^|\s)(\.?[\w-]+(?:\/[\w.-]+)*\/run)\b/gm),
        ...matches(script, /\bsh (\S+\.sh)\b/g),
        ...matches(script, /\bnpx jest (\S+)/g),
      ];
      for (const file of files) expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
    }
  });

  it('gives scripts no text that somebody else writes, and every variable that they read', () => {
    for (const { run = '', env = {} } of job.steps) {
      // An expression is put into the text of a script before a shell reads it.
      expect(run).not.toContain('${{');
      const own = new Set([...Object.keys(env), ...matches(run, /\b([A-Z][A-Z_]*)=/g)]);
      const read = matches(run, /\$\{?([A-Z][A-Z_]*)/g).filter((each) => !each.startsWith('GITHUB_'));
      expect(read.filter((each) => !own.has(each))).toEqual([]);
    }
  });

  it('leaves no token of the repository to what it runs, and runs no install script', () => {
    for (const { uses = '', with: given } of job.steps)
      if (uses.startsWith('actions/checkout@')) expect(given).toMatchObject({ 'persist-credentials': false });
    for (const script of scriptsOf(job))
      for (const line of script.split('\n').filter((each) => /\bnpm (ci|install)\b(?!.*--global)/.test(each)))
        expect(line).toContain('--ignore-scripts');
  });
});

describe('the workflows', () => {
  it.each(FILES)('of %s may read the repository, and no more where no job says so', (file) => {
    expect((yamlFile(join(FOLDER, file)) as Workflow).permissions).toEqual({ contents: 'read' });
  });

  it('name beside each pinned action the version that it is', () => {
    const uses = FILES.flatMap((file) =>
      readFileSync(join(ROOT, FOLDER, file), 'utf8')
        .split('\n')
        .filter((line) => line.includes('uses:')),
    );
    for (const line of uses) expect(line).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    // One action, one version.
    const pins = new Set(uses.map((line) => line.replace(/.*uses: /, '')));
    expect(new Set([...pins].map((pin) => pin.split('@')[0])).size).toBe(pins.size);
  });

  it('try every Node that package.json allows, and run nothing on another', () => {
    const majors = engines.node.split('||').map((range) => Number(/\d+/.exec(range)?.[0]));
    const matrices = JOBS.flatMap(([, { strategy }]) => strategy?.matrix.node ?? []);
    expect(matrices).toEqual(majors);
    const versions = JOBS.flatMap(([, { steps }]) =>
      steps.flatMap(({ with: given }) => given?.['node-version'] ?? []),
    );
    for (const version of versions) expect(['${{ matrix.node }}', ...majors]).toContain(version);
  });
});
