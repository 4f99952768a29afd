import { RecentRevocations } from '../../../sidecar/handshake/revocations';

const HEARD_S = 1_000_000;

function caller(iat: number) {
  return { identity: { tenantId: 'acme', userId: 'alice', roles: [] }, tokenJti: 'j1', iat };
}

/** Whether they reach it, by clocks that nobody sets. */
const reaches = (recent: RecentRevocations, meant: ReturnType<typeof caller>): boolean =>
  recent.reach(meant, HEARD_S * 1000, HEARD_S * 1000);

describe('a recent revocation', () => {
  it.each([
    ['its tenant', { tenant: 'acme' }],
    ["its tenant's user", { tenant: 'acme', user: 'alice' }],
  ])(
    'of %s reaches a caller that was admitted until then, by a clock up to 5 s ahead, and none that is admitted later',
    (_, revocation) => {
      const recent = new RecentRevocations();
      expect(reaches(recent, caller(HEARD_S))).toBe(false);
      recent.add(revocation, HEARD_S * 1000 + 500);
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
    recent.add({ jti: 'j1' }, HEARD_S * 1000 + 500);
    expect([-20, 0, 5, 6, 39].map((s) => reaches(recent, caller(HEARD_S + s)))).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
  });

  it.each([
    ['another token', { jti: 'j2' }],
    ['a token named like its tenant', { jti: 'acme' }],
    ['another tenant', { tenant: 'evil' }],
    ["another tenant's user", { tenant: 'evil', user: 'alice' }],
    ['another user', { tenant: 'acme', user: 'bob' }],
  ])('of %s does not reach it', (_, revocation) => {
    const recent = new RecentRevocations();
    recent.add(revocation, HEARD_S * 1000);
    expect(reaches(recent, caller(HEARD_S - 1))).toBe(false);
  });

  it('is forgotten when no assertion from before it is accepted any more, by clocks 5 s apart', () => {
    const recent = new RecentRevocations();
    recent.add({ jti: 'j1' }, HEARD_S * 1000);
    recent.add({ jti: 'j2' }, HEARD_S * 1000 + 39_999);
    expect(reaches(recent, caller(HEARD_S - 1))).toBe(true);
    recent.add({ jti: 'j2' }, HEARD_S * 1000 + 40_000);
    expect(reaches(recent, caller(HEARD_S - 1))).toBe(false);
  });

  it('that is said again counts from then', () => {
    const recent = new RecentRevocations();
    recent.add({ tenant: 'acme' }, HEARD_S * 1000);
    recent.add({ jti: 'j2' }, HEARD_S * 1000 + 1);
    recent.add({ tenant: 'acme' }, HEARD_S * 1000 + 20_000);
    recent.add({ jti: 'j2' }, HEARD_S * 1000 + 45_000);
    expect(reaches(recent, caller(HEARD_S + 19))).toBe(true);
  });

  it.each([
    ['back', -3600],
    ['on', 3600],
  ])('keeps its age when the clock is set an hour %s: who logs in again is admitted', (_, stepS) => {
    const recent = new RecentRevocations();
    recent.add({ tenant: 'acme' }, 5000);
    const reachedAfter = (seconds: number): boolean =>
      recent.reach(
        caller(HEARD_S + stepS + seconds),
        (HEARD_S + stepS + seconds) * 1000,
        5000 + seconds * 1000,
      );
    expect([0, 4, 6, 30].map(reachedAfter)).toEqual([true, true, false, false]);
  });
});
