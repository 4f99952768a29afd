import fc from 'fast-check';
import { UnsentBudget } from '../../../sidecar/fanout/unsent-budget';

const TENANTS = ['a', 'b', 'c'] as const;
const SOCKETS = 4;
const LIMITS = { totalBytes: 1000, tenantBytes: 600 };

const change = fc.record({
  tenant: fc.nat({ max: TENANTS.length - 1 }),
  socket: fc.nat({ max: SOCKETS - 1 }),
  bytes: fc.oneof(fc.constant(0), fc.nat({ max: 900 })),
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

describe('the budget of what waits for clients', () => {
  it('is what waits for each, whatever comes and goes, and meets those over their share alone', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const budget = new UnsentBudget(LIMITS);
        const sockets = TENANTS.map((tenant) => Array.from({ length: SOCKETS }, () => budget.open(tenant)));
        const held = TENANTS.map(() => Array.from({ length: SOCKETS }, () => 0));
        for (const { tenant, socket, bytes } of changes) {
          sockets[tenant]?.[socket]?.set(bytes);
          (held[tenant] ?? [])[socket] = bytes;
          const ofTenants = held.map(sum);
          const all = sum(ofTenants);
          const waiting = ofTenants.filter((own) => own > 0).length;
          expect([budget.bytes, budget.tenants]).toEqual([all, waiting]);
          for (const [index, own] of ofTenants.entries()) {
            const overTotal = all > LIMITS.totalBytes && own > LIMITS.totalBytes / waiting;
            const expected = own > LIMITS.tenantBytes ? 'tenant' : overTotal ? 'total' : undefined;
            for (const [at, bytesOfOne] of (held[index] ?? []).entries()) {
              expect(sockets[index]?.[at]?.over).toBe(bytesOfOne === 0 ? undefined : expected);
            }
          }
          // Somebody is over, no matter who: it goes down.
          const isAnybodyOver = sockets.flat().some(({ over }) => over !== undefined);
          if (all > LIMITS.totalBytes) expect(isAnybodyOver).toBe(true);
        }
        for (const one of sockets.flat()) one.set(0);
        expect([budget.bytes, budget.tenants]).toEqual([0, 0]);
      }),
    );
  });

  it('is met by nobody while all together have just as much as they may', () => {
    const budget = new UnsentBudget({ totalBytes: 1000, tenantBytes: Infinity });
    const [large, small] = [budget.open('a'), budget.open('b')];
    large.set(700);
    small.set(300);
    expect([large.over, small.over]).toEqual([undefined, undefined]);
    small.set(301);
    expect([large.over, small.over]).toEqual(['total', undefined]);
  });

  it('is not met by a tenant with just an equal part of it', () => {
    const budget = new UnsentBudget({ totalBytes: 1000, tenantBytes: Infinity });
    const [equal, more] = [budget.open('a'), budget.open('b')];
    equal.set(500);
    more.set(501);
    expect([equal.over, more.over]).toEqual([undefined, 'total']);
  });
});
