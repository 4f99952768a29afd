import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifest, ROOT, yamlFile } from './manifests';

interface Release {
  readonly jobs: {
    readonly packages: { readonly steps: readonly { readonly run?: string }[] };
    readonly images: {
      readonly needs: string;
      readonly strategy: {
        readonly matrix: {
          readonly target: readonly string[];
          readonly runner: readonly string[];
          readonly include: readonly Readonly<Record<'target' | 'image' | 'runner' | 'arch', string>>[];
        };
      };
    };
    readonly tags: { readonly needs: string; readonly steps: readonly { readonly run?: string }[] };
  };
}

interface Faults {
  readonly on: object;
  readonly jobs: {
    readonly acceptance: { readonly steps: { readonly run?: string; readonly env?: object }[] };
  };
}

const release = yamlFile('.github/workflows/release.yml') as Release;
const { packages, images, tags } = release.jobs;
const { matrix } = images.strategy;
const built = matrix.include.filter(({ target }) => matrix.target.includes(target));
const scriptOf = (job: { readonly steps: readonly { readonly run?: string }[] }): string =>
  job.steps.map(({ run = '' }) => run).join('\n');

describe('the workflows', () => {
  it('pin every action to a commit', () => {
    const folder = join(ROOT, '.github/workflows');
    const uses = readdirSync(folder).flatMap((name) =>
      [...readFileSync(join(folder, name), 'utf8').matchAll(/uses: (\S+)/g)].map(
        ([, action]) => action ?? '',
      ),
    );
    expect(uses.length).toBeGreaterThan(2);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
  });

  it('run the fault tests at the size of their acceptance, every night and when asked', () => {
    const { on, jobs } = yamlFile('.github/workflows/faults.yml') as Faults;
    expect(Object.keys(on)).toEqual(['schedule', 'workflow_dispatch']);
    const step = jobs.acceptance.steps.find(({ run }) => run === 'npm run test:fault');
    expect(step?.env).toMatchObject({ CLIENTS: '1000', SECONDS: '60' });
  });

  it('build every image of the Dockerfile, and no other', () => {
    const stages = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^FROM \S+ AS (\w+)$/gm);
    const targets = [...stages]
      .map(([, name]) => name)
      .filter((name) => name !== 'build' && name !== 'runtime');
    expect(built.map(({ target }) => target).sort()).toEqual(targets.sort());
  });
});

describe('a release', () => {
  it('has no image of packages that could not be published', () => {
    expect([images.needs, tags.needs]).toEqual(['packages', 'images']);
  });

  it('has each image for both architectures, each built on a machine of its own, under one tag', () => {
    const machines = matrix.include.filter(({ runner }) => matrix.runner.includes(runner));
    expect(machines.map(({ arch }) => arch)).toEqual(['amd64', 'arm64']);
    expect(machines.map(({ runner }) => runner)).toEqual(matrix.runner);
    for (const { image } of built) expect(scriptOf(tags)).toContain(image);
    for (const { arch } of machines) expect(scriptOf(tags)).toContain(`"$name-${arch}"`);
  });

  it('is published by an npm that knows trusted publishing, and has its place in the changelog', () => {
    const script = scriptOf(packages);
    expect(script.indexOf('npm@^11.5.1')).toBeGreaterThan(-1);
    expect(script.indexOf('npm@^11.5.1')).toBeLessThan(script.indexOf('npm publish'));
    const pattern = /grep .*"\^(.*)" CHANGELOG\.md/
      .exec(script)?.[1]
      ?.replace('${GITHUB_REF_NAME#v}', '1.2.3');
    const heading = new RegExp(`^${pattern?.replace('[] ]', '[\\] ]') ?? ''}`);
    expect('## [1.2.3] - 2030-01-01').toMatch(heading);
    expect('## 1.2.3 (2030-01-01)').toMatch(heading);
    expect('## 1.2.30 (2030-01-01)').not.toMatch(heading);
  });

  it("tells npm where the README's relative links lead", () => {
    for (const name of ['client', 'service'])
      expect(scriptOf(packages)).toContain(`repository.directory=${name} --workspace ws-bridge-${name}`);
    // In place of the name that is to be replaced.
    for (const place of ['repository.url=git+$home.git', 'homepage=$home#readme', 'bugs.url=$home/issues'])
      expect(scriptOf(packages)).toContain(`"${place}"`);
  });
});

describe('the images that are deployed', () => {
  const version = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string })
    .version;
  const names = built.map(({ image }) => `ghcr.io/your-org/${image}`);

  it("are those that are built, in this version: kustomize's", () => {
    const { images: replaced } = yamlFile('deploy/kubernetes/kustomization.yaml') as {
      images: { name: string; newName: string; newTag: string }[];
    };
    const pod = manifest('Deployment') as {
      spec: { template: { spec: { containers: { image: string }[] } } };
    };
    const used = pod.spec.template.spec.containers.map(({ image }) => image);
    expect(replaced.map(({ name }) => name)).toEqual(used);
    for (const { newName, newTag } of replaced) {
      expect(names).toContain(newName);
      expect(newTag).toBe(version);
    }
  });

  it("are those that are built, in this version: the chart's", () => {
    const { deployment } = yamlFile('deploy/helm/kong-values.yaml') as {
      deployment: { initContainers: { image: string }[] };
    };
    const used = deployment.initContainers.map(({ image }) => image);
    expect(used).toEqual([`ghcr.io/your-org/ws-gatekeeper:${version}`]);
    expect(names.map((name) => `${name}:${version}`)).toEqual(expect.arrayContaining(used));
  });
});
