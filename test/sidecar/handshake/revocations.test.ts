import fc from 'fast-check';
import type { Order } from '../../../sidecar/connection/order';
import { RecentRevocations } from '../../../sidecar/handshake/revocations';

const HEARD_S = 1_000_000;
const PATH = '/ws/bi/dashboards/7';

function caller(iat: number) {
  return { identity: { tenantId: 'acme', userId: 'alice', roles: [] }, tokenJti: 'j1', iat };
}

/** Whether they reach it, by clocks that nobody sets. */
const reaches = (recent: RecentRevocations, meant: ReturnType<typeof caller>): boolean =>
  recent.reach(meant, PATH, HEARD_S * 1000, HEARD_S * 1000) !== undefined;

describe('a recent revocation', () => {
  it.each([
    ['its tenant', { tenant: 'acme' }],
    ["its tenant's user", { tenant: 'acme', user: 'alice' }],
  ])(
    'of %s reaches a caller that was admitted until then, by a clock up to 5 s ahead, and none that is admitted later',
    (_, revocation) => {
      const recent = new RecentRevocations();
      expect(reaches(recent, caller(HEARD_S))).toBe(false);
      recent.add({ type: 'revoke', ...revocation }, HEARD_S * 1000 + 500);
      expect([-20, 0, 5, 6].map((s) => reaches(recent, caller(HEARD_S + s)))).toEqual([
        true,
        true,
        true,
        false,
      ]);
    },
  );

  it('of its token reaches a caller whatever the clock says at which it was admitted', () => {
    const recent = new RecentRevocations();
    expect(reaches(recent, caller(HEARD_S))).toBe(false);
    recent.add({ type: 'revoke', jti: 'j1' }, HEARD_S * 1000 + 500);
    for (const seconds of [-20, 0, 5, 6, 39]) {
      const meant = caller(HEARD_S + seconds);
      expect(recent.reach(meant, PATH, HEARD_S * 1000, HEARD_S * 1000)).toBe('revoked');
    }
  });

  it('of all reaches a caller whose token has no id', () => {
    const recent = new RecentRevocations();
    recent.add({ type: 'revoke', tenant: 'acme' }, HEARD_S * 1000);
    const nameless = { ...caller(HEARD_S), tokenJti: undefined };
    expect(recent.reach(nameless, PATH, HEARD_S * 1000, HEARD_S * 1000)).toBe('revoked');
  });

  it.each([
    ['another token', { jti: 'j2' }],
    ['a token named like its tenant', { jti: 'acme' }],
    ['another tenant', { tenant: 'evil' }],
    ["another tenant's user", { tenant: 'evil', user: 'alice' }],
    ['another user', { tenant: 'acme', user: 'bob' }],
  ])('of %s does not reach it', (_, revocation) => {
    const recent = new RecentRevocations();
    recent.add({ type: 'revoke', ...revocation }, HEARD_S * 1000);
    expect(reaches(recent, caller(HEARD_S - 1))).toBe(false);
  });

  it('is forgotten when no assertion from before it is accepted any more, by clocks 5 s apart', () => {
    const recent = new RecentRevocations();
    recent.add({ type: 'revoke', jti: 'j1' }, HEARD_S * 1000);
    recent.add({ type: 'revoke', jti: 'j2' }, HEARD_S * 1000 + 39_999);
    expect(reaches(recent, caller(HEARD_S - 1))).toBe(true);
    recent.add({ type: 'revoke', jti: 'j2' }, HEARD_S * 1000 + 40_000);
    expect(reaches(recent, caller(HEARD_S - 1))).toBe(false);
  });

  it('that is said again counts from then', () => {
    const recent = new RecentRevocations();
    recent.add({ type: 'revoke', tenant: 'acme' }, HEARD_S * 1000);
    recent.add({ type: 'revoke', jti: 'j2' }, HEARD_S * 1000 + 1);
    recent.add({ type: 'revoke', tenant: 'acme' }, HEARD_S * 1000 + 20_000);
    recent.add({ type: 'revoke', jti: 'j2' }, HEARD_S * 1000 + 45_000);
    expect(reaches(recent, caller(HEARD_S + 19))).toBe(true);
  });

  it('that leaves out a token leaves it out however often it is said', () => {
    const recent = new RecentRevocations();
    const order = { type: 'revoke', tenant: 'acme', user: 'alice', except: 'j1' } as const;
    recent.add(order, HEARD_S * 1000);
    recent.add(order, HEARD_S * 1000 + 1);
    expect(reaches(recent, caller(HEARD_S))).toBe(false);
    expect(reaches(recent, { ...caller(HEARD_S), tokenJti: 'j2' })).toBe(true);
  });

  it.each([
    ['back', -3600],
    ['on', 3600],
  ])('keeps its age when the clock is set an hour %s: who logs in again is admitted', (_, stepS) => {
    const recent = new RecentRevocations();
    recent.add({ type: 'revoke', tenant: 'acme' }, 5000);
    const reachedAfter = (seconds: number): boolean =>
      recent.reach(
        caller(HEARD_S + stepS + seconds),
        PATH,
        (HEARD_S + stepS + seconds) * 1000,
        5000 + seconds * 1000,
      ) !== undefined;
    expect([0, 4, 6, 30].map(reachedAfter)).toEqual([true, true, false, false]);
  });

  it.each<[string, Order, unknown]>([
    ['its tenant', { type: 'revoke', tenant: 'acme' }, 'revoked'],
    ['a right to its path', { type: 'revoke', tenant: 'acme', user: 'alice', path: PATH }, 'forbidden'],
    ['its tenant’s right to its path', { type: 'revoke', tenant: 'acme', path: PATH }, 'forbidden'],
    ['a right to another path', { type: 'revoke', tenant: 'acme', user: 'alice', path: '/ws/x' }, undefined],
    [
      'another user’s right to its path',
      { type: 'revoke', tenant: 'acme', user: 'bob', path: PATH },
      undefined,
    ],
    ['all but its token', { type: 'revoke', tenant: 'acme', user: 'alice', except: 'j1' }, undefined],
    ['all but another token', { type: 'revoke', tenant: 'acme', user: 'alice', except: 'j2' }, 'revoked'],
    ['all but one of another user', { type: 'revoke', tenant: 'acme', user: 'bob', except: 'j2' }, undefined],
  ])('of %s: %p is %p', (_, order, end) => {
    const recent = new RecentRevocations();
    recent.add(order, HEARD_S * 1000);
    const reach = (iat: number) => recent.reach(caller(iat), PATH, HEARD_S * 1000, HEARD_S * 1000);
    expect([-20, 5, 6].map((s) => reach(HEARD_S + s))).toEqual([end, end, undefined]);
  });

  it.each([
    { tenant: 'acme' },
    { tenant: 'acme', user: 'alice' },
    { tenant: 'acme', user: 'alice', path: PATH },
  ])('reaches one that was admitted before %p are to be judged anew', (whom) => {
    const recent = new RecentRevocations();
    recent.add({ type: 'reauthorize', ...whom }, HEARD_S * 1000);
    const reach = (iat: number) => recent.reach(caller(iat), PATH, HEARD_S * 1000, HEARD_S * 1000);
    expect([-1, 5, 6].map((s) => reach(HEARD_S + s))).toEqual(['reauthorized', 'reauthorized', undefined]);
  });

  it('that leaves out a token counts for that token when another leaves out another, in either order', () => {
    const tokens = fc.constantFrom(undefined, 'j1', 'j2', 'j3');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(tokens, fc.nat(20)), { maxLength: 12 }),
        tokens,
        // The times about which it was admitted at the latest for one of them to mean it.
        fc.integer({ min: 40, max: 80 }),
        (said, jti, iat) => {
          const recent = new RecentRevocations();
          let ms = 0;
          const heard = said.map(([except, step]) => {
            ms += step * 100;
            const whom = { tenant: 'acme', user: 'alice', ...(except !== undefined && { except }) };
            recent.add({ type: 'revoke', ...whom }, ms);
            return { except, ms };
          });
          const meant = heard.some(
            (each) => (each.except === undefined || each.except !== jti) && each.ms >= iat * 100 - 5000,
          );
          // Admitted at iat × 100 ms of the same clock.
          const asked = { ...caller(0), tokenJti: jti, iat: iat / 10 };
          expect(recent.reach(asked, PATH, 0, 0)).toBe(meant ? 'revoked' : undefined);
        },
      ),
    );
  });
});
