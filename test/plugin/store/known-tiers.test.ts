import { describe, expect, it } from '@jest/globals';
import { KnownTiers } from '../../../plugin/store/known-tiers';
import { appliedLimits, tierKeyOf } from '../../../plugin/store/limits';
import { memoryStore } from '../../../plugin/store/memory-store';

describe('a tier that Redis told', () => {
  it('is known for the window that it decides on, and no longer', () => {
    let now = 0;
    const known = new KnownTiers(() => now);
    known.set('tier:acme', 'enterprise', 60);
    now = 59_999;
    expect(known.get('tier:acme')).toMatchObject({ tier: 'enterprise' });
    now = 60_000;
    expect(known.get('tier:acme')).toBeUndefined();
  });

  it('is one of as many as may be known', () => {
    const known = new KnownTiers(() => 0, 2);
    for (const tenant of ['a', 'b', 'c']) known.set(tenant, 'free', 60);
    expect(known.get('a')).toBeUndefined();
    expect(known.get('c')).toMatchObject({ tier: 'free' });
  });

  it('holds in memory while Redis is away, then the token’s, for a limit that names it', async () => {
    let now = 0;
    const known = new KnownTiers(() => now);
    const store = memoryStore(() => 1e15, 100, known);
    const rate = (limit: number) => ({ limit, windowSeconds: 60, burst: 0 });
    const tiers = new Map([
      ['enterprise', rate(1000)],
      ['professional', rate(300)],
    ]);
    const limit = { by: 'tenant', rate: rate(60), paths: [], tiers } as const;
    const subject = { tenantId: 'acme', userId: 'u1', ip: '', tier: 'professional', path: '/', routeId: '' };
    const limits = appliedLimits([limit], subject, '', true);
    const figure = async () => {
      const { states } = await store.ask({ limits, revocationKey: undefined, tierKey: 'tier:acme' });
      return states[0]?.limit;
    };
    expect(await figure()).toBe(300);
    known.set('tier:acme', 'enterprise', 60);
    expect(await figure()).toBe(1000);
    known.set('tier:acme', 'gold', 60);
    expect(await figure()).toBe(60);
    now = 60_000;
    expect(await figure()).toBe(300);
  });
});

describe('the key of a tenant’s tier', () => {
  it.each([
    ['tier:{tenant}', 'acme', 'tier:acme'],
    ['tier:{{tenant}}', 'acme', 'tier:{acme}'],
    ['t:{tenant}:tier', 'a:b', 't:a%3Ab:tier'],
    ['tier:{tenant}', '{tenant}', 'tier:%7Btenant%7D'],
    ['tier:{tenant}', "a$&$'b", 'tier:a%24%26%24%27b'],
  ])('%s of tenant %j is %s: no tenant can spell another’s', (template, tenant, key) => {
    expect(tierKeyOf(template, tenant)).toBe(key);
  });
});
