import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES, type CloseCode } from '../../../protocol/close-codes';
import { OpenConnections, type OpenConnection } from '../../../sidecar/connection/open-connections';

/** Keeps what is done to it. */
class FakeConnection implements OpenConnection {
  readonly done: unknown[] = [];
  readonly caller: OpenConnection['caller'];
  readonly path = '/ws/notifications';
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
  const open = new OpenConnections();
  const connections = users.map((user) => new FakeConnection(user));
  for (const connection of connections) open.add(connection);
  return { open, connections, done: () => connections.map(({ done }) => done) };
}

describe('open connections', () => {
  it('are retired evenly over the drain', () => {
    const { open, done } = opened('a', 'b', 'c', 'd');
    open.drain(2000, 500);
    expect(done()).toEqual([[1000], [1500], [2000], [2500]]);
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
    expect(open.obey({ type: 'revoke', tenant: 'acme', user: 'b' }, 0)).toBe(1);
    expect(open.obey({ type: 'revoke', jti: 'jti of b' }, 0)).toBe(0);
    expect(done()).toEqual([[], ['revoked 4401']]);
    expect(open.size).toBe(2);
    for (const connection of connections) open.delete(connection);
    expect([open.size, open.revocable]).toEqual([0, 0]);
  });

  it('are forbidden when a right to their path is revoked', () => {
    const { open, done } = opened('a', 'b');
    expect(open.obey({ type: 'revoke', tenant: 'acme', user: 'a', path: '/ws/other' }, 0)).toBe(0);
    expect(open.obey({ type: 'revoke', tenant: 'acme', user: 'a', path: '/ws/notifications' }, 0)).toBe(1);
    expect(done()).toEqual([['revoked 4403'], []]);
  });

  it('are told to come back from 6 s on, one after the other within 4 s, and can be revoked meanwhile', () => {
    const { open, done } = opened('a', 'b', 'c', 'd');
    expect(open.obey({ type: 'reauthorize', tenant: 'acme' }, 500)).toBe(4);
    expect(done()).toEqual([['anew at 6500'], ['anew at 7500'], ['anew at 8500'], ['anew at 9500']]);
    expect(open.obey({ type: 'revoke', tenant: 'acme', user: 'b' }, 600)).toBe(1);
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
