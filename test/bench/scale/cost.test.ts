import { costOf, fasterThanLinear } from '../../../bench/scale/cost';
import type { Rates } from '../../../bench/scale/deployment';

const NOTHING: Rates = {
  upgrades: 0,
  renewals: 0,
  announcements: 0,
  addends: 0,
  probes: 0,
  publishes: 0,
  deliveries: 0,
  orders: 0,
};
const UNIT_US = { ...NOTHING, upgrades: 200, orders: 10 };

describe('a cost', () => {
  it('is what each thing costs as often as it happens, in shares of a core', () => {
    const { cores, by } = costOf({ ...NOTHING, upgrades: 1000, orders: 10_000 }, UNIT_US);
    expect(cores).toBeCloseTo(0.3);
    expect([by.upgrades, by.orders]).toEqual([0.2, 0.1]);
  });

  it('is shared evenly', () => {
    expect(costOf({ ...NOTHING, upgrades: 1000 }, UNIT_US, 10).cores).toBeCloseTo(0.02);
  });

  it('grows faster than linearly where it is more a socket than before', () => {
    const [before, after] = [10, 20].map((upgrades) =>
      costOf({ ...NOTHING, upgrades, orders: upgrades ** 2 * 100 }, UNIT_US),
    );
    if (before === undefined || after === undefined) throw new Error('expected two');
    expect(fasterThanLinear(before, after, 2)).toEqual([{ kind: 'orders', times: 2 }]);
  });

  it('is not looked at while it is next to nothing', () => {
    const [before, after] = [1, 50].map((orders) => costOf({ ...NOTHING, orders }, UNIT_US));
    if (before === undefined || after === undefined) throw new Error('expected two');
    expect(fasterThanLinear(before, after, 2)).toEqual([]);
  });
});
