import { LockAccount, type LockSocket } from './lock-account';

const CLEAN = { overlaps: 0, longestOverlapMs: 0, staleTokens: 0 };

let clock: number;
let account: LockAccount;
beforeEach(() => {
  clock = 0;
  account = new LockAccount(() => clock);
});

const socketOf = (page: string, tenant = 't'): LockSocket => account.socket({ tenant, page });
const ask = (socket: LockSocket, atMs: number, name = 'B7'): void => {
  clock = atMs;
  socket.sent(JSON.stringify({ type: 'bridge.lock', data: { name, holder: 'h' } }));
};
const told = (socket: LockSocket, atMs: number, type: string, data: object): void => {
  clock = atMs;
  socket.heard(JSON.stringify({ type: `bridge.${type}`, data: { name: 'B7', ...data } }));
};
const lock = (socket: LockSocket, atMs: number, token: number, name = 'B7'): void => {
  ask(socket, atMs, name);
  told(socket, atMs + 1, 'locked', { name, token });
};

describe('the account of locks', () => {
  it('is clean when one page after the other has a name, with a larger token each', () => {
    const [one, other] = [socketOf('p1'), socketOf('p2')];
    lock(one, 0, 1);
    told(one, 10, 'unlocked', { reason: 'lost' });
    lock(other, 10, 2);
    clock = 20;
    other.sent('{"type":"bridge.unlock","data":{"name":"B7"}}');
    lock(one, 20, 3);
    expect(account.score()).toEqual({ ...CLEAN, granted: 3 });
  });

  it('counts two pages that take one name for theirs, and for how long', () => {
    const [one, other] = [socketOf('p1'), socketOf('p2')];
    lock(one, 0, 1);
    lock(other, 10, 2);
    told(one, 25, 'unlocked', { reason: 'lost' });
    expect(account.score()).toEqual({ ...CLEAN, granted: 2, overlaps: 1, longestOverlapMs: 14 });
  });

  it('takes a page to know no more than what its socket heard last', () => {
    const [one, other] = [socketOf('p1'), socketOf('p2')];
    lock(one, 0, 1);
    told(one, 5, 'locks', { locks: [] });
    lock(other, 10, 2);
    clock = 30;
    expect(account.score()).toEqual({ ...CLEAN, granted: 2 });
  });

  it('counts no lock that its page had given back before it heard of it', () => {
    const [one, other] = [socketOf('p1'), socketOf('p2')];
    ask(one, 0);
    clock = 5;
    one.sent('{"type":"bridge.unlock","data":{"name":"B7"}}');
    told(one, 10, 'locked', { token: 1 });
    lock(other, 11, 2);
    told(one, 15, 'unlocked', { reason: 'freed' });
    clock = 20;
    other.sent('{"type":"bridge.unlock","data":{"name":"B7"}}');
    lock(one, 20, 3);
    expect(account.score()).toEqual({ ...CLEAN, granted: 2 });
  });

  it('lets a page have its lock on two sockets, names of two tenants, and two names', () => {
    const [one, again] = [socketOf('p1'), socketOf('p1')];
    lock(one, 0, 1);
    lock(again, 10, 2);
    lock(socketOf('p2'), 20, 3, 'B8');
    lock(socketOf('p3', 't2'), 20, 3);
    expect(account.score()).toEqual({ ...CLEAN, granted: 4 });
  });

  it.each([
    ['smaller than', 4],
    ['the same as', 5],
  ])('counts a token that is %s one that was told before it was asked for', (_, token) => {
    const one = socketOf('p1');
    lock(one, 0, 5);
    told(one, 2, 'unlocked', { reason: 'lost' });
    lock(socketOf('p2'), 10, token);
    expect(account.score()).toEqual({ ...CLEAN, granted: 2, staleTokens: 1 });
  });

  it('asks nothing of tokens that were on their way at the same time, nor of one that its page is told again', () => {
    const [one, other] = [socketOf('p1'), socketOf('p2')];
    ask(one, 0);
    ask(other, 0, 'B8');
    told(other, 5, 'locked', { name: 'B8', token: 2 });
    told(one, 6, 'locked', { token: 1 });
    const again = socketOf('p2');
    lock(again, 10, 2, 'B8');
    expect(account.score()).toEqual({ ...CLEAN, granted: 3 });
  });
});
