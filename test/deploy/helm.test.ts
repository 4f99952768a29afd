import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifest, ROOT, yamlFile } from './manifests';

interface Probe {
  readonly exec?: { readonly command: readonly string[] };
  readonly httpGet?: { readonly port: string };
}

interface Values {
  readonly env: Readonly<Record<string, string>>;
  readonly customEnv: Readonly<
    Record<string, { valueFrom: { secretKeyRef: { name: string; key: string } } }>
  >;
  readonly podAnnotations: Readonly<Record<string, string>>;
  readonly deployment: {
    readonly initContainers: readonly {
      readonly restartPolicy: string;
      readonly args: readonly string[];
      readonly ports: readonly { name: string; containerPort: number }[];
      readonly startupProbe: Probe;
      readonly livenessProbe: Probe;
      readonly securityContext: { runAsUser: number; runAsGroup: number };
      readonly volumeMounts: readonly { name: string; mountPath: string }[];
    }[];
    readonly userDefinedVolumes: readonly { name: string }[];
    readonly userDefinedVolumeMounts: readonly { name: string; mountPath: string }[];
  };
  readonly securityContext: { fsGroup: number };
  readonly terminationGracePeriodSeconds: number;
}

const values = yamlFile('deploy/helm/kong-values.yaml') as Values;
const [gatekeeper] = values.deployment.initContainers;
if (gatekeeper === undefined) throw new Error('the values have no gatekeeper');
const { args } = gatekeeper;
const option = (name: string): string | undefined =>
  args.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);

describe("the values of Kong's chart", () => {
  it('start the gatekeeper before Kong and keep it until Kong has gone', () => {
    expect(gatekeeper.restartPolicy).toBe('Always');
    const { command } = gatekeeper.startupProbe.exec ?? { command: [] };
    expect(command).toEqual(['node', args[1], '--health-check', '--socket', option('socket')]);
  });

  it('let Kong read the file and the socket that the gatekeeper writes, in a folder that both have', () => {
    expect(values.env['pluginserver_gatekeeper_socket']).toBe(option('socket'));
    expect(values.env['pluginserver_gatekeeper_query_cmd']).toBe(`cat ${option('plugin-info-file') ?? ''}`);
    const [volume] = values.deployment.userDefinedVolumes;
    const [theirs] = gatekeeper.volumeMounts;
    const [kongs] = values.deployment.userDefinedVolumeMounts;
    expect([theirs?.name, kongs?.name]).toEqual([volume?.name, volume?.name]);
    expect(kongs?.mountPath).toBe(theirs?.mountPath);
    for (const path of [option('socket'), option('plugin-info-file')]) {
      expect(path).toMatch(new RegExp(`^${theirs?.mountPath ?? ''}/[^/]+$`));
    }
  });

  it("put the socket into the group that Kong's pod has", () => {
    expect(gatekeeper.securityContext.runAsGroup).toBe(values.securityContext.fsGroup);
  });

  it('ask for liveness at the port that metrics are served on', () => {
    const [port] = gatekeeper.ports;
    expect(gatekeeper.livenessProbe.httpGet?.port).toBe(port?.name);
    expect(port?.containerPort).toBe(Number(option('admin-port')));
  });

  it("let Prometheus find the gatekeeper's metrics, at the pod's address", () => {
    expect(values.podAnnotations).toEqual({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': option('admin-port'),
      'prometheus.io/path': '/metrics',
    });
    expect(option('admin-host')).toBe('0.0.0.0');
  });

  it('supply every variable that the configuration of the plugin names, from the secret that the bridge uses', () => {
    const kongYml = readFileSync(join(ROOT, 'kong.yml'), 'utf8');
    const named = [...kongYml.matchAll(/'\{vault:\/\/env\/([\w-]+)\}'/g)].map(([, name]) => name ?? '');
    expect(named.length).toBeGreaterThan(2);
    const supplied = Object.entries(values.customEnv);
    expect(supplied.map(([name]) => name.replaceAll('_', '-')).sort()).toEqual([...named].sort());
    const bridge = JSON.stringify(manifest('Deployment'));
    for (const [, { valueFrom }] of supplied) {
      expect(bridge).toContain(`"name":"${valueFrom.secretKeyRef.name}"`);
    }
  });

  it('give workers that wait for their sockets less time than the pod has', () => {
    const PRE_STOP_SECONDS = 15;
    const waits = Number.parseInt(values.env['nginx_main_worker_shutdown_timeout'] ?? '', 10);
    expect(waits).toBeGreaterThan(0);
    expect(waits + PRE_STOP_SECONDS).toBeLessThan(values.terminationGracePeriodSeconds);
  });
});
