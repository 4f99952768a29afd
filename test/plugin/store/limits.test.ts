import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Rate, RateLimit } from '../../../plugin/config/config';
import { appliedLimits, type LimitSubject } from '../../../plugin/store/limits';

const rate = (limit: number): Rate => ({ limit, windowSeconds: 60, burst: 5 });
const limit = (changes: Partial<RateLimit> = {}): RateLimit => ({
  by: 'tenant',
  rate: rate(60),
  paths: [],
  tiers: new Map(),
  ...changes,
});
const subject: LimitSubject = {
  tenantId: 'acme',
  userId: 'u1',
  tier: undefined,
  path: '/ws/ai/chat',
  routeId: 'r1',
  ip: '192.0.2.1',
};
const keys = (limits: RateLimit[], changes: Partial<LimitSubject> = {}) =>
  appliedLimits(limits, { ...subject, ...changes }, 'gk:').map(({ key }) => key);

describe('the limits of an upgrade', () => {
  it('have the figures of the token’s tier, where the limit knows it', () => {
    const tiered = limit({ tiers: new Map([['enterprise', rate(1000)]]) });
    const rateFor = (tier: string | undefined) =>
      appliedLimits([tiered], { ...subject, tier }, '')[0]?.rate.limit;
    expect([rateFor('enterprise'), rateFor('free'), rateFor(undefined)]).toEqual([1000, 60, 60]);
    expect([rateFor('__proto__'), rateFor('constructor')]).toEqual([60, 60]);
  });

  it('are those whose paths the upgrade’s begins with', () => {
    const chat = limit({ rate: rate(30), paths: ['/ws/ai/chat', '/ws/ai/v2'] });
    expect(keys([limit(), chat])).toHaveLength(2);
    expect(keys([limit(), chat], { path: '/ws/notifications' })).toHaveLength(1);
    expect(keys([limit(), chat], { path: undefined })).toHaveLength(1);
  });

  it('count a tenant, its user, it on a route, or an address', () => {
    const limits = (['tenant', 'user', 'route', 'ip'] as const).map((by) => limit({ by }));
    expect(keys(limits)).toEqual([
      'gk:rl:{acme}:tenant:60:60:5',
      'gk:rl:{acme}:user:u1:60:60:5',
      'gk:rl:{acme}:route:r1:60:60:5',
      'gk:rl:{ip:192.0.2.1}:ip:60:60:5',
    ]);
  });

  it('are kept in one slot of a cluster for one tenant, and apart for an address', () => {
    const slots = appliedLimits([limit(), limit({ by: 'user' }), limit({ by: 'ip' })], subject, '').map(
      ({ slot }) => slot,
    );
    expect(slots).toEqual(['{acme}', '{acme}', '{ip:192.0.2.1}']);
  });

  describe('that charge a page once', () => {
    const page = { seconds: 10, upgrades: 4 };
    const pageFor = (changes: Partial<LimitSubject> = {}, of: Partial<RateLimit> = {}) =>
      appliedLimits([limit({ page, ...of })], { ...subject, upstreamPath: '/up', ...changes }, 'gk:')[0]
        ?.page;

    it('keep it for a tenant’s user, in the slot of the limit, and apart from other limits’', () => {
      expect(pageFor()).toEqual({
        key: 'gk:rl:{acme}:page:u1:10:4:tenant:60:60:5',
        lifetimeMs: 10_000,
        maxUpgrades: 4,
        path: '%2Fup',
      });
      const others = [
        pageFor({}, { by: 'route' }),
        pageFor({}, { rate: rate(61) }),
        pageFor({}, { paths: ['/ws'] }),
      ];
      expect(new Set([pageFor(), ...others].map((other) => other?.key)).size).toBe(4);
    });

    it('keep one page whichever tier the user’s token has', () => {
      const tiers = new Map([['gold', rate(1000)]]);
      expect(pageFor({ tier: 'gold' }, { tiers })?.key).toBe(pageFor({}, { tiers })?.key);
    });

    it('charge a path that is too long by itself, and each upgrade where they are not told to', () => {
      expect(pageFor({ upstreamPath: `/${'x'.repeat(512)}` })).toBeUndefined();
      expect(pageFor({}, { page: undefined })).toBeUndefined();
    });
  });

  it('never share a key between two tenants, users or addresses, whatever they are called', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ':', '{', '}', '%', 'ip:') });
    const limits = (['tenant', 'user', 'ip'] as const).map((by) => limit({ by }));
    fc.assert(
      fc.property(fc.tuple(text, text, text), fc.tuple(text, text, text), (one, two) => {
        const [a, b] = [one, two].map(([tenantId, userId, ip]) => keys(limits, { tenantId, userId, ip })) as [
          string[],
          string[],
        ];
        expect(a[0] === b[0]).toBe(one[0] === two[0]);
        expect(a[1] === b[1]).toBe(one[0] === two[0] && one[1] === two[1]);
        expect(a[2] === b[2]).toBe(one[2] === two[2]);
        expect(new Set([...a, ...b]).size).toBe(3 + b.filter((key) => !a.includes(key)).length);
        for (const key of a) expect(key.split(/[{}]/)).toHaveLength(3);
      }),
    );
  });
});
