import { SpentShares } from '../../../sidecar/inbound/spent-shares';

describe('the shares that are known to be spent', () => {
  let now: number;
  let spent: SpentShares;

  beforeEach(() => {
    now = 1000;
    spent = new SpentShares(() => now);
  });

  it('have no room for a command of that size or a larger one, for so long', () => {
    spent.add('acme', 100, 50);
    expect([spent.isSpent('acme', 100), spent.isSpent('acme', 101)]).toEqual([true, true]);
    expect([spent.isSpent('acme', 99), spent.isSpent('evil', 100)]).toEqual([false, false]);
    now = 1050;
    expect(spent.isSpent('acme', 100)).toBe(false);
  });

  it('are forgotten when their time is over', () => {
    for (let tenant = 0; tenant < 1000; tenant += 1) {
      spent.add(`t${tenant}`, 100, 50);
      now += 10;
    }
    expect(spent.size).toBeLessThanOrEqual(6);
  });
});
