import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifest, ROOT, yamlFile } from './manifests';

interface Release {
  readonly jobs: {
    readonly images: {
      readonly strategy: { matrix: { include: { target: string; image: string }[] } };
    };
  };
}

interface Faults {
  readonly on: object;
  readonly jobs: {
    readonly acceptance: { readonly steps: { readonly run?: string; readonly env?: object }[] };
  };
}

const release = yamlFile('.github/workflows/release.yml') as Release;
const built = release.jobs.images.strategy.matrix.include;

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

describe('the images that are deployed', () => {
  const version = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string })
    .version;
  const names = built.map(({ image }) => `ghcr.io/your-org/${image}`);

  it("are those that are built, in this version: kustomize's", () => {
    const { images } = yamlFile('deploy/kubernetes/kustomization.yaml') as {
      images: { name: string; newName: string; newTag: string }[];
    };
    const pod = manifest('Deployment') as {
      spec: { template: { spec: { containers: { image: string }[] } } };
    };
    const used = pod.spec.template.spec.containers.map(({ image }) => image);
    expect(images.map(({ name }) => name)).toEqual(used);
    for (const { newName, newTag } of images) {
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
