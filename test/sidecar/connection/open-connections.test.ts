import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES, type CloseCode } from '../../../protocol/close-codes';
import {
  OpenConnections,
  ORDER_STEP,
  type OpenConnection,
} from '../../../sidecar/connection/open-connections';
import type { Order } from '../../../sidecar/connection/order';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';

/** Keeps what is done to it. */
class FakeConnection implements OpenConnection {
  readonly done: unknown[] = [];
  readonly caller: OpenConnection['caller'];
  readonly path: string = '/ws/notifications';
  readonly routeName = 'notifications';

  constructor(userId: string) {
    this.caller = { identity: { tenantId: 'acme', userId, roles: [] }, tokenJti: `jti of ${userId}` };
  }

  revoke({ code }: CloseCode): void {
    this.done.push(`revoked ${code}`);
  }

  reauthorizeAt(dueMs: number): void {
    this.done.push(`anew at ${dueMs}`);
  }

  retireAt(dueMs: number): void {
    this.done.push(dueMs);
  }

  close({ code }: CloseCode): void {
    this.done.push(code);
  }

  terminate(): void {
    this.done.push('terminate');
  }
}

function opened(...users: readonly string[]) {
  const open = new OpenConnections(LoopShares.uncut());
  const connections = users.map((user) => new FakeConnection(user));
  for (const connection of connections) open.add(connection);
  return { open, connections, done: () => connections.map(({ done }) => done) };
}

/** A clock by which each step takes a slice. */
function takingSlices(): () => number {
  let nowMs = 0;
  return () => (nowMs += SLICE_MS);
}

/** How many an order met. */
function met(open: OpenConnections, order: Order, nowMs: number): number | undefined {
  let count: number | undefined;
  open.obey(order, nowMs, (each) => (count = each));
  return count;
}

describe('open connections', () => {
  it('are retired evenly over the drain', () => {
    const { open, done } = opened('a', 'b', 'c', 'd');
    open.drain(2000, 500);
    expect(done()).toEqual([[1000], [1500], [2000], [2500]]);
  });

  it('are retired a few at a step, without those that closed meanwhile', () => {
    const turns: (() => void)[] = [];
    const open = new OpenConnections(
      new LoopShares({ nowMs: takingSlices(), later: (run) => void turns.push(run) }),
    );
    const connections = Array.from(
      { length: 5 * ORDER_STEP },
      (_, number) => new FakeConnection(`u${number}`),
    );
    for (const connection of connections) open.add(connection);
    const retired = (): number => connections.filter(({ done }) => done.length > 0).length;
    open.drain(1000, 0);
    const late = new FakeConnection('late');
    open.add(late);
    const [first, last] = [connections[0], connections.at(-1)];
    if (first === undefined || last === undefined) throw new Error('none');
    open.delete(last);
    let [before, most] = [retired(), retired()];
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
      run();
      most = Math.max(most, retired() - before);
      before = retired();
    }
    expect([most, retired()]).toEqual([ORDER_STEP, connections.length - 1]);
    expect([first.done, last.done, late.done]).toEqual([[2], [], [1000]]);
  });

  it('are retired at the end of the drain when they come in it', () => {
    const { open } = opened('a');
    expect(open.isDraining).toBe(false);
    open.drain(2000, 500);
    expect(open.isDraining).toBe(true);
    const late = new FakeConnection('b');
    open.add(late);
    expect(late.done).toEqual([2500]);
  });

  it('expire when they are revoked, once, and stay until they are closed', () => {
    const { open, connections, done } = opened('a', 'b');
    expect(met(open, { type: 'revoke', tenant: 'acme', user: 'b' }, 0)).toBe(1);
    expect(met(open, { type: 'revoke', jti: 'jti of b' }, 0)).toBe(0);
    expect(done()).toEqual([[], ['revoked 4401']]);
    expect(open.size).toBe(2);
    for (const connection of connections) open.delete(connection);
    expect([open.size, open.revocable]).toEqual([0, 0]);
  });

  it('are forbidden when a right to their path is revoked', () => {
    const { open, done } = opened('a', 'b');
    expect(met(open, { type: 'revoke', tenant: 'acme', user: 'a', path: '/ws/other' }, 0)).toBe(0);
    expect(met(open, { type: 'revoke', tenant: 'acme', user: 'a', path: '/ws/notifications' }, 0)).toBe(1);
    expect(done()).toEqual([['revoked 4403'], []]);
  });

  it('are told to come back from 6 s on, one after the other within 4 s, and can be revoked meanwhile', () => {
    const { open, done } = opened('a', 'b', 'c', 'd');
    expect(met(open, { type: 'reauthorize', tenant: 'acme' }, 500)).toBe(4);
    expect(done()).toEqual([['anew at 6500'], ['anew at 7500'], ['anew at 8500'], ['anew at 9500']]);
    expect(met(open, { type: 'revoke', tenant: 'acme', user: 'b' }, 600)).toBe(1);
    expect(done()[1]).toEqual(['anew at 7500', 'revoked 4401']);
  });

  it('are closed, and cut, all together', () => {
    const { open, done } = opened('a', 'b');
    open.closeAll(CLOSE_CODES.serviceRestart);
    open.terminateAll();
    expect(done()).toEqual([
      [1012, 'terminate'],
      [1012, 'terminate'],
    ]);
  });
});

describe('who waits until all connections are closed', () => {
  it('goes on at once when none is open', async () => {
    await expect(opened().open.allClosed()).resolves.toBeUndefined();
  });

  it('goes on with the last of them, and not before', async () => {
    const { open, connections } = opened('a', 'b');
    let closed = 0;
    const waiting = [open.allClosed(), open.allClosed()].map((all) => all.then(() => (closed += 1)));
    const left: number[] = [];
    for (const connection of connections) {
      open.delete(connection);
      await new Promise((resolve) => setImmediate(resolve));
      left.push(closed);
    }
    await Promise.all(waiting);
    expect(left).toEqual([0, 2]);
  });
});

describe('an order that looks at 50,000 connections', () => {
  const COUNT = 50_000;
  /** No connection is looked at in less, in milliseconds. */
  const LOOK_MS = 0.01;
  const PATH = '/ws/bi/dashboards/7';

  /** Connections of as many users as there are, on a loop whose turns are begun by hand and whose clock counts the looks. */
  function crowd(users = COUNT) {
    let looks = 0;
    let turn: (() => void) | undefined;
    const shares = new LoopShares({
      nowMs: () => looks * LOOK_MS,
      later: (run) => (turn = run),
    });
    class Watched extends FakeConnection {
      constructor(userId: string) {
        super(userId);
        const look = (): string => {
          looks += 1;
          return PATH;
        };
        Object.defineProperty(this, 'path', { get: look });
      }
      override reauthorizeAt(dueMs: number) {
        looks += 1;
        super.reauthorizeAt(dueMs);
      }
      override revoke(code: CloseCode) {
        looks += 1;
        super.revoke(code);
      }
    }
    const open = new OpenConnections(shares);
    const connections = Array.from({ length: COUNT }, (_, at) => new Watched(`u${at % users}`));
    for (const connection of connections) open.add(connection);
    /** The looks of each stretch, from the order on. */
    const stretches = (order: Order, meanwhile = (): void => undefined) => {
      const found: number[] = [];
      let count: number | undefined;
      let before = looks;
      open.obey(order, 0, (each) => (count = each));
      for (;;) {
        found.push(looks - before);
        if (turn === undefined) return { found, count };
        meanwhile();
        before = looks;
        const begun = turn;
        turn = undefined;
        begun();
      }
    };
    return { open, connections, shares, stretches };
  }

  /** A stretch ends with the step that ends its slice; the first has a step ahead of its slice. */
  const MOST_LOOKS = SLICE_MS / LOOK_MS + 2 * 2 * ORDER_STEP;

  it.each<[string, Order]>([
    ['for a path that none of them has', { type: 'revoke', tenant: 'acme', path: '/ws/other' }],
    ['for a path that each of them has', { type: 'revoke', tenant: 'acme', path: PATH }],
    ['for their tenant', { type: 'revoke', tenant: 'acme' }],
    ['to judge them anew', { type: 'reauthorize', tenant: 'acme' }],
    ['to judge those on a path anew', { type: 'reauthorize', tenant: 'acme', path: PATH }],
  ])('%s lets the loop in between', (_, order) => {
    const { connections, stretches } = crowd();
    const { found, count } = stretches(order);
    expect(count).toBe('path' in order && order.path !== PATH ? 0 : COUNT);
    expect(connections.filter(({ done }) => done.length > 0)).toHaveLength(count ?? NaN);
    expect(found.length).toBeGreaterThan(COUNT / MOST_LOOKS);
    expect(Math.max(...found)).toBeLessThanOrEqual(MOST_LOOKS);
  });

  it('about a user of theirs, or a token, lets it in as well', () => {
    for (const order of [
      { type: 'revoke', tenant: 'acme', user: 'u0' },
      { type: 'revoke', jti: 'jti of u0' },
    ] as const) {
      const { found, count } = crowd(1).stretches(order);
      expect(count).toBe(COUNT);
      expect(Math.max(...found)).toBeLessThanOrEqual(MOST_LOOKS);
    }
  });

  it('takes turns with the work of other tenants', () => {
    const { shares, stretches } = crowd();
    let steps = 0;
    const { found } = stretches({ type: 'revoke', tenant: 'acme' }, () => {
      shares.once('another tenant', () => (steps += 1));
    });
    expect(steps).toBe(found.length - 1);
  });

  it('means none that opens meanwhile, and none that closed', () => {
    const { open, connections, stretches } = crowd(1000);
    const late: FakeConnection[] = [];
    const last = connections.at(-1);
    const { count } = stretches({ type: 'revoke', tenant: 'acme' }, () => {
      if (last !== undefined) open.delete(last);
      for (const user of ['u999', 'new']) {
        const connection = new FakeConnection(user);
        late.push(connection);
        open.add(connection);
      }
    });
    expect(count).toBe(COUNT - 1);
    expect(last?.done).toEqual([]);
    expect(late.flatMap(({ done }) => done)).toEqual([]);
  });

  it('is met once when it is repeated before its end', () => {
    const { open, connections, stretches } = crowd();
    const counts: number[] = [];
    const { count } = stretches({ type: 'revoke', tenant: 'acme' }, () => {
      if (counts.length > 0 || open.revocable === 0) return;
      counts.push(NaN);
      open.obey({ type: 'revoke', tenant: 'acme' }, 0, (each) => (counts[0] = each));
    });
    expect(Number(count) + Number(counts[0])).toBe(COUNT);
    expect(new Set(connections.map(({ done }) => done.length))).toEqual(new Set([1]));
  });
});

describe('an order that looks at few connections', () => {
  it('is obeyed at once, even where the loop has no time', () => {
    let nowMs = 0;
    const shares = new LoopShares({ nowMs: () => nowMs, later: () => undefined });
    shares.once('all of a slice', () => (nowMs += SLICE_MS));
    const open = new OpenConnections(shares);
    const connection = new FakeConnection('a');
    open.add(connection);
    expect(met(open, { type: 'revoke', tenant: 'acme' }, 0)).toBe(1);
    expect(connection.done).toEqual(['revoked 4401']);
  });
});

describe('an order about a tenant', () => {
  it.each<Order>([
    { type: 'revoke', tenant: 'acme' },
    { type: 'reauthorize', tenant: 'acme' },
  ])('waits for none of what else that tenant has to do: %j', (order) => {
    const turns: (() => void)[] = [];
    const shares = new LoopShares({ nowMs: takingSlices(), later: (run) => void turns.push(run) });
    const open = new OpenConnections(shares);
    const connections = Array.from({ length: 5 * ORDER_STEP }, () => new FakeConnection('a'));
    for (const connection of connections) open.add(connection);
    shares.run('acme', { next: () => ({ done: false, value: undefined }) });
    open.obey(order, 0, () => undefined);
    // Each turn has a step of the one and then of the other.
    for (let taken = 0; taken < 100; taken += 1) turns.shift()?.();
    expect(connections.filter(({ done }) => done.length === 0)).toEqual([]);
  });
});
