import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { TenantConnections } from '../../../sidecar/metrics/tenant-connections';

async function counts(registry: Registry): Promise<Record<string, number>> {
  const text = await registry.metrics();
  const samples = text.matchAll(/^ws_bridge_tenant_connections\{tenant="([^"]*)"\} (\d+)$/gm);
  return Object.fromEntries([...samples].map(([, tenant = '', count]) => [tenant, Number(count)]));
}

describe('the connections of tenants', () => {
  it('are not exported when no tenant may have a label', async () => {
    const registry = new Registry();
    const tenants = new TenantConnections(0, registry);
    tenants.opened('acme');
    expect(await registry.metrics()).not.toContain('acme');
    expect(registry.getSingleMetric('ws_bridge_tenant_connections')).toBeUndefined();
  });

  it('have a label a tenant up to the cap, and share one beyond it', async () => {
    const registry = new Registry();
    const tenants = new TenantConnections(2, registry);
    for (const tenant of ['a', 'b', 'c', 'a', 'd', 'c']) tenants.opened(tenant);
    expect(await counts(registry)).toEqual({ a: 2, b: 1, other: 3 });
  });

  it('free their label with the last one, for the next tenant', async () => {
    const registry = new Registry();
    const tenants = new TenantConnections(1, registry);
    tenants.opened('a');
    tenants.opened('b');
    tenants.closed('a');
    expect(await counts(registry)).toEqual({ other: 1 });
    tenants.opened('c');
    expect(await counts(registry)).toEqual({ c: 1, other: 1 });
  });

  it('always add up, also when a tenant gets a label in the middle', async () => {
    const registry = new Registry();
    const tenants = new TenantConnections(1, registry);
    tenants.opened('a');
    tenants.opened('b');
    tenants.closed('a');
    tenants.opened('b');
    expect(await counts(registry)).toEqual({ b: 1, other: 1 });
    tenants.closed('b');
    tenants.closed('b');
    expect(await counts(registry)).toEqual({ other: 0 });
  });

  it('of a tenant named like the shared label are in it', async () => {
    const registry = new Registry();
    const tenants = new TenantConnections(3, registry);
    tenants.opened('other');
    tenants.opened('a');
    expect(await counts(registry)).toEqual({ a: 1, other: 1 });
    tenants.closed('other');
    expect(await counts(registry)).toEqual({ a: 1, other: 0 });
  });
});
