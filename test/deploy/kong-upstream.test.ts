import { describe, expect, it } from '@jest/globals';
import * as refusals from '../../sidecar/http/refusal';
import { yamlFile } from './manifests';
import { HEALTH_PATH } from '../../sidecar/routes/health-path';

interface HealthChecks {
  readonly http_path?: string;
  readonly healthy: { readonly http_statuses: readonly number[]; readonly interval?: number };
  readonly unhealthy: {
    readonly http_statuses: readonly number[];
    readonly tcp_failures: number;
    readonly timeouts: number;
    readonly interval?: number;
  };
}

interface KongFile {
  readonly upstreams?: readonly {
    readonly name: string;
    readonly algorithm: string;
    readonly targets: readonly { readonly target: string }[];
    readonly healthchecks: { readonly active: HealthChecks; readonly passive: HealthChecks };
  }[];
  readonly services: readonly {
    readonly url?: string;
    readonly protocol?: string;
    readonly host?: string;
    readonly port?: number;
    readonly retries: number;
    readonly routes: readonly { readonly name: string; readonly paths: readonly string[] }[];
    readonly plugins: readonly { readonly config: { readonly health_path?: string } }[];
  }[];
}

const one = yamlFile('kong.yml') as KongFile;
const several = yamlFile('deploy/kong/several-bridges.yml') as KongFile;
const [upstream] = several.upstreams ?? [];
const [service] = several.services;

/** Every status that a bridge refuses an upgrade with, but for its own faults. */
const REFUSED_FOR_CLIENTS = [
  refusals.NOT_FOUND,
  refusals.UPGRADE_REQUIRED,
  refusals.badRequest(''),
  refusals.unauthorized(''),
  refusals.forbidden(''),
  refusals.tooManyConnections('user'),
  refusals.full(''),
  refusals.unavailable(''),
].map(({ status }) => status);

describe("Kong's configuration with several bridges", () => {
  it('differs from that with one by where the bridges are', () => {
    const { url, ...alone } = one.services[0] ?? {};
    expect(url).toBe('http://ws-bridge:8080');
    expect(service).toEqual({ ...alone, protocol: 'http', host: 'ws-bridges', port: 8080 });
  });

  it('has an upstream of several bridges, chosen by open sockets, and tries another when one is gone', () => {
    expect(upstream).toMatchObject({ name: service?.host, algorithm: 'least-connections' });
    expect(new Set(upstream?.targets.map(({ target }) => target)).size).toBeGreaterThan(1);
    expect(service?.retries).toBeGreaterThanOrEqual(1);
    expect(service?.retries).toBeLessThan(upstream?.targets.length ?? 0);
  });

  it('asks each bridge for its health where it takes traffic, and has those back that are well again', () => {
    const active = upstream?.healthchecks.active;
    expect(active?.http_path).toBe(HEALTH_PATH);
    expect(active?.healthy.http_statuses).toEqual([200]);
    expect(active?.unhealthy.http_statuses).toContain(503);
    for (const checks of [active?.healthy, active?.unhealthy]) expect(checks?.interval).toBeGreaterThan(0);
    expect(active?.unhealthy.tcp_failures).toBeGreaterThan(0);
  });

  it('holds against a bridge nothing that users can cause', () => {
    const passive = upstream?.healthchecks.passive.unhealthy;
    expect(passive?.http_statuses).toEqual([500]);
    expect(REFUSED_FOR_CLIENTS.filter((status) => passive?.http_statuses.includes(status))).toEqual([]);
    expect(passive?.tcp_failures).toBeGreaterThan(0);
    expect(passive?.timeouts).toBeGreaterThan(0);
  });
});

it('the path at which the gatekeeper answers balancers has a route, and is not the one of the bridge', () => {
  const [alone] = one.services;
  const path = alone?.plugins[0]?.config.health_path ?? '';
  expect(path).not.toBe(HEALTH_PATH);
  expect(alone?.routes.flatMap(({ paths }) => paths)).toContain(`~${path}$`);
});
