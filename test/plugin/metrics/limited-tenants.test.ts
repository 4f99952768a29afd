import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { LABEL_KEPT_MS, LimitedTenants } from '../../../plugin/metrics/limited-tenants';

/** Counts of at most `maxTenants`, and a clock that stands. */
function counted(maxTenants: number) {
  const registry = new Registry();
  const clock = { nowMs: 0 };
  const tenants = new LimitedTenants(maxTenants, registry, () => clock.nowMs);
  const counts = async (): Promise<Record<string, number>> => {
    const text = await registry.metrics();
    const samples = text.matchAll(/^ws_gatekeeper_limited_total\{tenant="([^"]*)"\} (\d+)$/gm);
    return Object.fromEntries([...samples].map(([, tenant = '', count]) => [tenant, Number(count)]));
  };
  return { tenants, clock, counts };
}

describe('the refusals of limited tenants', () => {
  it('have a label a tenant up to the cap, and share one beyond it', async () => {
    const { tenants, counts } = counted(2);
    for (const tenant of ['a', 'b', 'c', 'a', 'd', 'c']) tenants.count(tenant);
    expect(await counts()).toEqual({ a: 2, b: 1, other: 3 });
  });

  it('are never more series than the cap and one, whatever tenants come', async () => {
    const { tenants, clock, counts } = counted(3);
    for (let tenant = 0; tenant < 1000; tenant += 1) {
      clock.nowMs += LABEL_KEPT_MS / 10;
      tenants.count(`t${tenant}`);
    }
    expect(Object.keys(await counts())).toHaveLength(4);
  });

  it('of a tenant that was not refused for an hour give their label to the next one', async () => {
    const { tenants, clock, counts } = counted(2);
    tenants.count('a');
    clock.nowMs = 1;
    tenants.count('b');
    clock.nowMs = LABEL_KEPT_MS - 1;
    tenants.count('a');
    tenants.count('c');
    expect(await counts()).toEqual({ a: 2, b: 1, other: 1 });
    clock.nowMs = LABEL_KEPT_MS + 1;
    tenants.count('c');
    expect(await counts()).toEqual({ a: 2, c: 1, other: 1 });
  });

  it('of a tenant that is called as the others are, are counted with theirs', async () => {
    const { tenants, counts } = counted(2);
    tenants.count('other');
    expect(await counts()).toEqual({ other: 1 });
  });
});
