import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseSettings, SETTING_ROWS } from '../../sidecar/settings/settings';
import { command, instruction, optionOf, stages } from './dockerfile';
import { ROOT } from './manifests';

interface Service {
  readonly image?: string;
  readonly build?: { readonly target: string };
  readonly ports?: readonly string[];
  readonly group_add?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly stop_grace_period?: string;
}

const { services, volumes } = parse(readFileSync(join(ROOT, 'compose.yml'), 'utf8'), { merge: true }) as {
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, unknown>>;
};
const service = (name: string): Service => {
  const found = services[name];
  if (found === undefined) throw new Error(`expected the service ${name}`);
  return found;
};
const kong = service('kong');
const bridge = service('ws-bridge');
const gatekeeper = service('gatekeeper');
const [line, kongYml] = [command('gatekeeper', 'CMD'), readFileSync(join(ROOT, 'kong.yml'), 'utf8')];
const seconds = (text: unknown): number => Number(/^(\d+)s$/.exec(String(text))?.[1]);

/** Docker waits so long between a stop and a kill when nothing else is said. */
const DEFAULT_STOP_SECONDS = 10;

describe('compose.yml', () => {
  it('starts nothing before what it needs is healthy, and what is waited for has a health check', () => {
    expect(Object.keys(kong.depends_on ?? {}).sort()).toEqual(['gatekeeper', 'ws-bridge']);
    expect(Object.keys(gatekeeper.depends_on ?? {})).toEqual(['redis']);
    expect(Object.keys(bridge.depends_on ?? {})).toEqual(['redis']);
    for (const { depends_on: needs = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(needs)) {
        expect(condition).toBe('service_healthy');
        const { build, healthcheck } = service(name);
        expect([name, healthcheck ?? instruction(build?.target ?? '', 'HEALTHCHECK')]).toBeTruthy();
      }
    }
  });

  it('builds targets that the Dockerfile has, and leaves Kong as it is', () => {
    const targets = Object.values(services).flatMap(({ build }) => build?.target ?? []);
    expect(targets.sort()).toEqual(['bridge', 'gatekeeper']);
    for (const target of targets) expect([...stages().keys()]).toContain(target);
    expect(kong.image).toContain('kong:3.9');
  });

  it("shares the folder of the gatekeeper's socket and file with Kong, which is in their group", () => {
    const folder = '/run/ws-gatekeeper';
    for (const mounts of [kong.volumes, gatekeeper.volumes]) expect(mounts).toContain(`gatekeeper:${folder}`);
    expect(volumes).toHaveProperty('gatekeeper');
    const socket = optionOf(line, 'socket') ?? '';
    const file = optionOf(line, 'plugin-info-file') ?? '';
    for (const path of [socket, file]) expect(path.startsWith(`${folder}/`)).toBe(true);
    expect(kong.environment).toMatchObject({
      KONG_PLUGINSERVER_GATEKEEPER_SOCKET: socket,
      KONG_PLUGINSERVER_GATEKEEPER_QUERY_CMD: `cat ${file}`,
    });
    expect(kong.group_add).toEqual([instruction('gatekeeper', 'USER').split(':')[1]]);
  });

  it('gives the bridge time for its drain and what lingers, and Kong more than its workers wait', () => {
    const { drainMs, lingerMs } = parseSettings({ BRIDGE_ASSERTION_SECRET: 'x'.repeat(32) });
    expect(seconds(bridge.stop_grace_period)).toBeGreaterThanOrEqual((drainMs + lingerMs) / 1000 + 5);
    const waits = seconds(kong.environment?.['KONG_NGINX_MAIN_WORKER_SHUTDOWN_TIMEOUT']);
    const stops =
      kong.stop_grace_period === undefined ? DEFAULT_STOP_SECONDS : seconds(kong.stop_grace_period);
    expect(waits).toBeLessThan(stops);
  });

  it('sets no variable of the bridge that is not a setting, and what it cannot do without', () => {
    const settings = SETTING_ROWS.map(({ name }) => name);
    const { environment = {} } = bridge;
    for (const name of Object.keys(environment)) expect(settings).toContain(name);
    expect(Object.keys(environment)).toEqual(
      expect.arrayContaining(['REDIS_URL', 'BRIDGE_ASSERTION_SECRET']),
    );
  });

  it('supplies what kong.yml names, to Kong and to who verifies by it, with the secret that the bridge has', () => {
    const named = [...kongYml.matchAll(/'\{vault:\/\/env\/([\w-]+)\}'/g)].map(([, name = '']) => name);
    const variables = named.map((name) => name.replaceAll('-', '_').toUpperCase());
    expect(variables.length).toBeGreaterThan(2);
    for (const { environment = {} } of [kong, gatekeeper]) {
      expect(Object.keys(environment)).toEqual(expect.arrayContaining(variables));
      expect(environment['ASSERTION_SECRET']).toBe(bridge.environment?.['BRIDGE_ASSERTION_SECRET']);
    }
    expect(gatekeeper.volumes).toContain('./kong.yml:/app/kong.yml:ro');
  });

  it('names the services as kong.yml and the scrape targets do', () => {
    expect(kongYml).toContain('url: http://ws-bridge:8080');
    expect(optionOf(line, 'admin-port')).toBe('9091');
  });

  it("publishes Kong's proxy port alone, and by default on loopback", () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => [name, port]),
    );
    expect(published).toEqual([['kong', '${GATEWAY_HOST:-127.0.0.1}:${GATEWAY_PORT:-8000}:8000']]);
    expect(kong.environment?.['KONG_ADMIN_LISTEN']).toBe('off');
  });
});
