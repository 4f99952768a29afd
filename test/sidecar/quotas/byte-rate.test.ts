import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteOwners, withRoomFor } from '../../../sidecar/quotas/byte-owners';
import { ByteMeter, type ByteRate } from '../../../sidecar/quotas/byte-rate';
import { MessageAllowance } from '../../../sidecar/inbound/message-allowance';
import { RateLimiter } from '../../../sidecar/inbound/rate-limiter';

const LARGEST = 100;
const rate = fc.record({
  perSecond: fc.integer({ min: 1, max: 2000 }),
  burst: fc.integer({ min: 1, max: 2000 }),
});
const rates = fc
  .record({ socket: rate, user: rate, tenant: rate })
  .map((given) => withRoomFor(LARGEST, given));
/** Who sends: two sockets of one user, one of another user, one of another tenant. */
const SENDERS = [
  ['t', 'u'],
  ['t', 'u'],
  ['t', 'v'],
  ['x', 'u'],
] as const;
const messages = fc.array(
  fc.record({
    sender: fc.nat(SENDERS.length - 1),
    bytes: fc.nat(LARGEST),
    gapMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 300 })),
  }),
  { maxLength: 200 },
);

interface Taken {
  readonly atMs: number;
  readonly bytes: number;
  readonly sender: number;
}

/** As they count where each message counts for so many bytes more. */
function counted(taken: readonly Taken[], more: number): readonly Taken[] {
  return taken.map((one) => ({ ...one, bytes: one.bytes + more }));
}

function expectWithin(taken: readonly Taken[], { perSecond, burst }: ByteRate): void {
  for (let first = 0; first < taken.length; first += 1) {
    let sum = 0;
    for (const { atMs, bytes } of taken.slice(first)) {
      sum += bytes;
      const windowMs = atMs - (taken[first]?.atMs ?? 0);
      expect(sum).toBeLessThanOrEqual(burst + (perSecond * windowMs) / 1000);
    }
  }
}

/** Whether a message is within a rate, by the definition: no window that ends with it holds too much. */
function isWithin(taken: readonly Taken[], { perSecond, burst }: ByteRate, next: Taken): boolean {
  let sum = next.bytes;
  if (sum > burst) return false;
  for (const { atMs, bytes } of [...taken].reverse()) {
    sum += bytes;
    if (sum > burst + (perSecond * (next.atMs - atMs)) / 1000) return false;
  }
  return true;
}

describe('the bytes of a socket, a user and a tenant', () => {
  it('are taken exactly when they are within all three rates, and what is refused is charged to nobody', () => {
    fc.assert(
      fc.property(rates, messages, (limits, sent) => {
        const owners = new ByteOwners(limits);
        const sockets = SENDERS.map(
          ([tenant, user]) =>
            new MessageAllowance(
              new RateLimiter({ perSecond: 0, burst: 1_000_000 }),
              limits.socket,
              owners.join(tenant, user),
            ),
        );
        const taken: Taken[] = [];
        const of = (fits: (sender: number) => boolean): readonly Taken[] =>
          taken.filter((one) => fits(one.sender));
        const scopes = (sender: number) =>
          [
            [limits.socket, of((other) => other === sender), 0],
            [limits.user, of((other) => SENDERS[other]?.join() === SENDERS[sender]?.join()), 256],
            [limits.tenant, of((other) => SENDERS[other]?.[0] === SENDERS[sender]?.[0]), 256],
          ] as const;
        let atMs = 1_000_000;
        for (const { sender, bytes, gapMs } of sent) {
          atMs += gapMs;
          const next = { atMs, bytes, sender };
          const fits = scopes(sender).every(([limit, own, more]) =>
            isWithin(counted(own, more), limit, { ...next, bytes: bytes + more }),
          );
          expect(sockets[sender]?.take(bytes, atMs) === undefined).toBe(fits);
          if (fits) taken.push(next);
        }
        for (const sender of SENDERS.keys())
          for (const [limit, own, more] of scopes(sender)) expectWithin(counted(own, more), limit);
      }),
    );
  });

  it('over a rate are refused up to a burst, and then are a flood', () => {
    const limits = { perSecond: 10, burst: 1000 };
    const any = { perSecond: 0, burst: 1 };
    const owners = new ByteOwners({ socket: limits, user: any, tenant: any });
    const socket = new MessageAllowance(
      new RateLimiter({ perSecond: 0, burst: 1000 }),
      limits,
      owners.join('t', 'u'),
    );
    expect(socket.take(1000, 0)).toBeUndefined();
    expect(socket.take(600, 0)).toEqual({ over: 'socket_bytes', isFlood: false });
    expect(socket.take(600, 0)).toEqual({ over: 'socket_bytes', isFlood: true });
  });

  it('are remembered when their owner comes back at once, and forgotten when nothing of them is left', () => {
    const limits = { perSecond: 10, burst: 100 };
    const any = { perSecond: 0, burst: 100 };
    const owners = new ByteOwners({ socket: any, user: limits, tenant: any });
    const first = owners.join('t', 'u');
    first.user.charge(100, 0);
    first.leave();
    owners.forgetIdle(9_999);
    expect([owners.size, owners.inUse]).toEqual([1, 0]);
    const second = owners.join('t', 'u');
    expect(second.user.admits(100, 9_999)).toBe(false);
    second.leave();
    owners.forgetIdle(10_000);
    expect(owners.size).toBe(0);
  });
});

describe('bytes that were not read at once', () => {
  it('are within a rate as they came, and no more than that', () => {
    const meter = new ByteMeter({ perSecond: 100, burst: 50 });
    meter.charge(50, 1000);
    // A second in which it may have sent 100.
    expect([meter.admits(151, 2000, 1000), meter.admits(101, 2000, 1000)]).toEqual([false, false]);
    expect([meter.admits(100, 2000, 1000), meter.admits(51, 2000)]).toEqual([true, false]);
    for (let sent = 0; sent < 10; sent += 1) {
      expect(meter.admits(10, 2000, 1000)).toBe(true);
      meter.charge(10, 2000, 1000);
    }
    expect(meter.admits(51, 2000, 1000)).toBe(false);
  });

  it('leave no more for later', () => {
    const meter = new ByteMeter({ perSecond: 100, burst: 50 });
    meter.charge(1, 10_000, 0);
    for (let atMs = 10_000; atMs <= 20_000; atMs += 1000) meter.charge(1, atMs, atMs - 1000);
    expect([meter.admits(151, 20_000, 19_000), meter.admits(51, 20_000)]).toEqual([false, false]);
    expect(meter.isIdle(20_000)).toBe(true);
  });
});
