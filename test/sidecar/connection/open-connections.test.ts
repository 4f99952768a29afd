import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES, type CloseCode } from '../../../protocol/close-codes';
import { OpenConnections, type OpenConnection } from '../../../sidecar/connection/open-connections';

/** Keeps what is done to it. */
class FakeConnection implements OpenConnection {
  readonly done: unknown[] = [];
  readonly caller: OpenConnection['caller'];

  constructor(userId: string) {
    this.caller = { identity: { tenantId: 'acme', userId, roles: [] }, tokenJti: `jti of ${userId}` };
  }

  revoke(): void {
    this.done.push('revoke');
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
    expect(open.revoke({ tenant: 'acme', user: 'b' })).toBe(1);
    expect(open.revoke({ jti: 'jti of b' })).toBe(0);
    expect(done()).toEqual([[], ['revoke']]);
    expect(open.size).toBe(2);
    for (const connection of connections) open.delete(connection);
    expect([open.size, open.revocable]).toEqual([0, 0]);
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
