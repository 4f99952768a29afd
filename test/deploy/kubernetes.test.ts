import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Deployment } from 'kubernetes-types/apps/v1';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2';
import type { Service } from 'kubernetes-types/core/v1';
import type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1';
import { withDefaults } from '../../kong-stand-in/plugin-config/defaults';
import type { ConfigValue } from '../../kong-stand-in/plugin-config/field-schema';
import { withSecrets } from '../../kong-stand-in/plugin-config/references';
import { configFaults } from '../../kong-stand-in/plugin-config/validate';
import { parseDump } from '../../kong-stand-in/plugin-config/plugin-dump';
import { parseConfig } from '../../plugin/config/parse';
import { pluginInfo } from '../../plugin/server/plugin-info';
import { bridgeRegistry } from './bridge-registry';
import { CLOSE_GRACE_MS } from '../../sidecar/bridge';
import { CLOSE_TIMEOUT_MS } from '../../sidecar/connection/term';
import { MAX_HELD_BYTES } from '../../sidecar/fanout/held-back';
import { parseSettings, SETTING_ROWS } from '../../sidecar/settings/settings';
import { manifest, type Manifest, manifests, ROOT, selects, yamlFile } from './manifests';

const deployment = manifest('Deployment') as Deployment;
const pod = deployment.spec?.template;
const [container] = pod?.spec?.containers ?? [];
const portNames = (container?.ports ?? []).map(({ name }) => name);

describe('the manifests', () => {
  const types: Readonly<Record<string, string>> = {
    Deployment: 'apps/v1',
    Service: 'core/v1',
    PodDisruptionBudget: 'policy/v1',
    HorizontalPodAutoscaler: 'autoscaling/v2',
    NetworkPolicy: 'networking/v1',
    Ingress: 'networking/v1',
  };
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'manifests-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it("have no member that Kubernetes' API does not have, and none of another type", async () => {
    const typed = manifests().filter(({ kind }) => kind in types);
    expect(typed.map(({ kind }) => kind).sort()).toEqual(Object.keys(types).sort());
    const lines = typed.map(
      (object, i) =>
        `export const object${i}: import('${ROOT}/node_modules/kubernetes-types/${types[object.kind] ?? ''}').${object.kind} = ${JSON.stringify(object)};`,
    );
    writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      types: [],
      lib: ['es2015'],
      skipLibCheck: true,
      module: 'esnext',
      moduleResolution: 'bundler',
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['manifests.ts'] }),
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const checked = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
      (cause: unknown) => cause,
    );
    expect(checked).toMatchObject({ stdout: '' });
  }, 180_000);

  it('that belong to kustomize are all of the folder but the route of the other API', () => {
    const { resources } = yamlFile('deploy/kubernetes/kustomization.yaml') as { resources: string[] };
    const files = readdirSync(join(ROOT, 'deploy/kubernetes'));
    const others = ['kustomization.yaml', 'http-route.yaml'];
    expect([...resources].sort()).toEqual(files.filter((name) => !others.includes(name)).sort());
  });
});

describe("the bridge's deployment", () => {
  it('is selected by all that mean it', () => {
    const labels = pod?.metadata?.labels;
    const selectors = [
      deployment.spec?.selector.matchLabels,
      (manifest('Service') as Service).spec?.selector,
      (manifest('PodDisruptionBudget') as PodDisruptionBudget).spec?.selector?.matchLabels,
      (manifest('NetworkPolicy') as NetworkPolicy).spec?.podSelector.matchLabels,
      ...(pod?.spec?.topologySpreadConstraints ?? []).map((spread) => spread.labelSelector?.matchLabels),
    ];
    expect(selectors).toHaveLength(6);
    for (const selector of selectors) expect([selector, selects(selector, labels)]).toEqual([selector, true]);
  });

  it('has every port that is named elsewhere, with the number that the bridge listens on', () => {
    const { port, adminPort } = parseSettings({ BRIDGE_ASSERTION_SECRET: 'x'.repeat(32) });
    expect(container?.ports).toEqual([
      { name: 'ws', containerPort: port },
      { name: 'admin', containerPort: adminPort },
    ]);
    const probes = [container?.startupProbe, container?.livenessProbe, container?.readinessProbe];
    const named = [
      ...probes.map((probe) => probe?.httpGet?.port),
      ...((manifest('Service') as Service).spec?.ports ?? []).map(({ targetPort }) => targetPort),
      ...((manifest('NetworkPolicy') as NetworkPolicy).spec?.ingress ?? []).flatMap(({ ports }) =>
        (ports ?? []).map((entry) => entry.port),
      ),
    ];
    expect(named).toHaveLength(6);
    for (const name of named) expect(portNames).toContain(name);
    expect(pod?.metadata?.annotations?.['prometheus.io/port']).toBe(`${adminPort}`);
  });

  it('has time for preStop, drain, the last closing handshake and linger before it is killed, and 5 s to spare', () => {
    const { drainMs, lingerMs } = parseSettings({ BRIDGE_ASSERTION_SECRET: 'x'.repeat(32) });
    const [sleep, seconds] = container?.lifecycle?.preStop?.exec?.command ?? [];
    expect(sleep).toBe('sleep');
    const needed = Number(seconds) + (drainMs + CLOSE_TIMEOUT_MS + lingerMs + CLOSE_GRACE_MS) / 1000;
    expect(needed).toBeGreaterThan(30);
    expect(pod?.spec?.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed + 5);
  });

  it('sets no variable that is not a setting, and the required ones from a secret', () => {
    const settings = SETTING_ROWS.map(({ name }) => name);
    const variables = (container?.env ?? []).map(({ name }) => name);
    expect(variables).toContain('BRIDGE_ASSERTION_SECRET');
    for (const name of variables) expect(settings).toContain(name);
    for (const { name, value, valueFrom } of container?.env ?? []) {
      // Prometheus and the probes come from outside the pod.
      // The cap belongs to the pod's memory.
      if (name === 'BRIDGE_ADMIN_HOST' || name === 'BRIDGE_MAX_CONNECTIONS') continue;
      expect(value).toBeUndefined();
      expect(valueFrom?.secretKeyRef?.name).toBe('ws-bridge');
    }
  });

  it('has memory for as many sockets as it takes, event streams at that, and for all its buffers', () => {
    const cap = container?.env?.find(({ name }) => name === 'BRIDGE_MAX_CONNECTIONS')?.value ?? '';
    const settings = parseSettings({ BRIDGE_ASSERTION_SECRET: 'x'.repeat(32), BRIDGE_MAX_CONNECTIONS: cap });
    const { ringTotalBytes, bufferTotalBytes, bufferTenantBytes, unfinishedTotalBytes } = settings;
    const buffers =
      ringTotalBytes + bufferTotalBytes + bufferTenantBytes + unfinishedTotalBytes + MAX_HELD_BYTES;
    // The figures of docs/performance.md: of the process before its first socket, and of an event stream.
    const [own, socket] = [82e6, 15e3];
    const limit = /^(\d+)Gi$/.exec(String(container?.resources?.limits?.['memory']))?.[1];
    expect(Number(limit) * 2 ** 30).toBeGreaterThan(own + buffers + settings.maxConnections * socket);
  });

  it('is what the restricted pod security standard asks for', () => {
    expect(pod?.spec?.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container?.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('is scaled by metrics that the bridge and the adapter have', async () => {
    const { spec } = manifest('HorizontalPodAutoscaler') as HorizontalPodAutoscaler;
    expect(spec?.scaleTargetRef).toEqual({
      apiVersion: deployment.apiVersion,
      kind: deployment.kind,
      name: deployment.metadata?.name,
    });
    const [metric] = (spec?.metrics ?? []).flatMap(({ pods }) => pods?.metric.name ?? []);
    const known = (await bridgeRegistry().getMetricsAsJSON()).map(({ name }) => name);
    expect(known).toContain(metric);
    const adapter = yamlFile('deploy/helm/prometheus-adapter-values.yaml') as {
      rules: { custom: { seriesQuery: string; name: { as: string } }[] };
    };
    const [rule] = adapter.rules.custom;
    expect(rule?.name.as).toBe(metric);
    expect(rule?.seriesQuery).toMatch(new RegExp(`^${metric ?? ''}\\{`));
  });
});

describe('the plugin', () => {
  interface Plugin extends Manifest {
    readonly plugin: string;
    readonly config: Record<string, unknown>;
  }
  const plugin = manifest('KongPlugin') as Plugin;

  it('is configured as in kong.yml', () => {
    const { services } = yamlFile('kong.yml') as {
      services: { plugins: { name: string; config: object }[] }[];
    };
    const [declared] = services[0]?.plugins ?? [];
    expect([plugin.plugin, plugin.config]).toEqual([declared?.name, declared?.config]);
  });

  it('has a configuration that the schema and the gatekeeper take', async () => {
    const { config: schema } = parseDump(JSON.stringify(pluginInfo()));
    const filled = withDefaults(schema, plugin.config as ConfigValue);
    expect(configFaults(schema, filled, 'config')).toEqual([]);
    const secrets = withSecrets(schema, filled, (reference) =>
      reference.includes('redis-url') ? 'redis://redis:6379' : `at least thirty-two bytes: ${reference}`,
    );
    const { config: parsed } = await parseConfig(secrets);
    expect(parsed.rateLimits).toHaveLength(2);
  });

  it.each(['Ingress', 'HTTPRoute'])('is on the %s, whose backend is the service', (kind) => {
    const { annotations } = (manifest(kind) as Ingress).metadata ?? {};
    expect(annotations).toMatchObject({
      'konghq.com/plugins': plugin.metadata.name,
      'konghq.com/strip-path': 'false',
    });
    const service = manifest('Service') as Service;
    const [port] = service.spec?.ports ?? [];
    expect(backends(kind)).toEqual(
      new Set([
        `${service.metadata?.name ?? ''} ${kind === 'Ingress' ? (port?.name ?? '') : (port?.port ?? '')}`,
      ]),
    );
  });

  it.each(['Ingress', 'HTTPRoute'])(
    'has the frames of event streams leave as they come on the %s, as in kong.yml',
    (kind) => {
      const { services } = yamlFile('kong.yml') as {
        services: { routes: { response_buffering?: boolean }[] }[];
      };
      const declared = (services[0]?.routes ?? []).map((route) => route.response_buffering);
      expect(declared).toContain(false);
      const { annotations } = (manifest(kind) as Ingress).metadata ?? {};
      expect(annotations).toMatchObject({ 'konghq.com/response-buffering': 'false' });
    },
  );

  it("routes every path of kong.yml, as Kong's controller spells them", () => {
    const { services } = yamlFile('kong.yml') as { services: { routes: { paths: string[] }[] }[] };
    const declared = (services[0]?.routes ?? []).flatMap(({ paths }) => paths);
    const { spec } = manifest('Ingress') as Ingress;
    const paths = (spec?.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ path }) => path));
    expect(paths).toEqual(declared.map((path) => (path.startsWith('~') ? `/${path}` : path)));
  });

  function backends(kind: string): Set<string> {
    if (kind === 'Ingress') {
      const paths = ((manifest('Ingress') as Ingress).spec?.rules ?? []).flatMap(
        ({ http }) => http?.paths ?? [],
      );
      return new Set(
        paths.map(({ backend }) => `${backend.service?.name ?? ''} ${backend.service?.port?.name ?? ''}`),
      );
    }
    interface Route {
      readonly spec: { rules: { backendRefs: { name: string; port: number }[] }[] };
    }
    const rules = (manifest('HTTPRoute') as Route).spec.rules;
    return new Set(
      rules.flatMap(({ backendRefs }) => backendRefs.map(({ name, port }) => `${name} ${port}`)),
    );
  }
});
