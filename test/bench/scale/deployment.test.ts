import {
  ADDED_UP_ANYWAY,
  bridgesWith,
  ratesOf,
  type Deployment,
  type Intervals,
} from '../../../bench/scale/deployment';

const INTERVALS: Intervals = {
  announceSeconds: 10,
  leaseSeconds: 30,
  renewSeconds: 10,
  probeSeconds: 5,
  probes: 2,
};

/** A platform of so many bridges, each with 10,000 sockets and one tenant more. */
function platform(bridges: number): Deployment {
  return {
    bridges,
    sockets: bridges * 10_000,
    tenants: bridges,
    socketsPerUser: 2,
    chatShare: 0.5,
    socketLifeSeconds: 900,
    noticesPerTenant: 0.1,
    messagesPerSocket: 0.01,
    ordersPerUser: 0.0001,
  };
}

describe('a deployment', () => {
  it('has a socket on one bridge, and very many on every one', () => {
    expect(bridgesWith(1, 1000)).toBeCloseTo(1);
    expect(bridgesWith(1e6, 1000)).toBeCloseTo(1000);
  });

  it('has two sockets on less than two bridges', () => {
    expect(bridgesWith(2, 10)).toBeCloseTo(1.9);
    expect(bridgesWith(2, 1)).toBe(1);
  });

  it('opens each socket once a life, and renews each session once an interval', () => {
    const { upgrades, renewals } = ratesOf(platform(9), INTERVALS, 'once a lease');
    expect([upgrades, renewals]).toEqual([100, 4500]);
  });

  it('announces a tenant from each of its bridges, and a user from one or two', () => {
    // 45,000 users of two sockets, on 9 × (1 − (8/9)²) bridges each.
    const ofUsers = 45_000 * 9 * (1 - (8 / 9) ** 2);
    expect(ratesOf(platform(9), INTERVALS, 'once a lease').announcements).toBeCloseTo((81 + ofUsers) / 10);
  });

  it('delivers what all of a tenant hear to each of its bridges, and an order to every bridge', () => {
    const { publishes, deliveries, orders } = ratesOf(platform(9), INTERVALS, 'once a lease');
    expect(publishes).toBeCloseTo(0.9 + 900 + 4.5);
    expect(deliveries).toBeCloseTo(0.9 * 9 + 900);
    expect(orders).toBeCloseTo(4.5 * 9);
  });

  it('adds up with each call as many numbers as bridges, once they are more than a lease has calls', () => {
    const few = ratesOf(platform(ADDED_UP_ANYWAY), INTERVALS, 'once a lease');
    expect(few).toEqual(ratesOf(platform(ADDED_UP_ANYWAY), INTERVALS, 'each call'));
    const [often, seldom] = (['each call', 'once a lease'] as const).map(
      (addingUp) => ratesOf(platform(1000), INTERVALS, addingUp).addends,
    );
    expect(often).toBeGreaterThan(1000 * (seldom ?? NaN) * 0.05);
  });

  it('adds up as many numbers a bridge of a hundred bridges as of a thousand, when it does so once a lease', () => {
    const ofTenants = (bridges: number, addingUp: 'each call' | 'once a lease'): number => {
      const { addends } = ratesOf(
        { ...platform(bridges), tenants: 10, ordersPerUser: 0 },
        INTERVALS,
        addingUp,
      );
      return addends / bridges;
    };
    expect(ofTenants(1000, 'once a lease') / ofTenants(100, 'once a lease')).toBeCloseTo(1, 1);
    expect(ofTenants(1000, 'each call') / ofTenants(100, 'each call')).toBeGreaterThan(5);
  });
});
