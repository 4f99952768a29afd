import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Locks, type ListedLocks } from '../../client/src/locks';
import { tellPeers } from '../../client/src/peers';
import type { WebSocketConstructor, WebSocketLike } from '../../client/src/web-socket';
import { FakeBridge } from './fake-bridge';
import { FakeNetwork } from './fake-network';
import { startRig } from './fixture';

const READY = '{"type":"bridge.ready","data":{"epoch":"e","offset":0,"resumed":false}}';

/** A socket with handlers alone. */
class HandlerSocket implements WebSocketLike {
  binaryType = '';
  readyState = 1;
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;
  readonly sent: { type: string; data: { name: string; holder?: string } }[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text) as HandlerSocket['sent'][0]);
  }

  close(): void {
    this.readyState = 3;
  }

  comes(type: string, data: unknown): void {
    this.onmessage?.({ data: JSON.stringify({ type: `bridge.${type}`, data }) } as never);
  }

  /** The questions to the bridge. */
  get asked(): readonly string[] {
    return this.sent.map(({ type, data }) => `${type.slice('bridge.'.length)} ${data.name}`);
  }
}

function page() {
  const sockets: HandlerSocket[] = [];
  const Given = function () {
    const socket = new HandlerSocket();
    sockets.push(socket);
    return socket;
  } as unknown as WebSocketConstructor;
  const told: ListedLocks[] = [];
  const locks = new Locks({ WebSocket: Given, told: (list) => told.push(list), holder: 'h1' });
  const got: unknown[] = [];
  const connect = (isReady = true): HandlerSocket => {
    const socket = new locks.WebSocket('ws://x', []) as unknown as HandlerSocket;
    expect(socket).toBe(sockets.at(-1));
    socket.onmessage = ({ data }: { readonly data: unknown }) => void got.push(data);
    if (isReady) socket.onmessage({ data: READY } as never);
    return socket;
  };
  return { locks, told, got, connect };
}

async function held() {
  const opened = page();
  const socket = opened.connect();
  const asked = opened.locks.lock('B7');
  socket.comes('locked', { name: 'B7', token: 7 });
  return { ...opened, socket, lock: await asked };
}

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a page that locks a name', () => {
  it('asks once there is a connection, by its holder, and has a token', async () => {
    const { locks, connect } = page();
    const asked = locks.lock('B7');
    const socket = connect(false);
    expect(socket.sent).toEqual([]);
    socket.onmessage?.({ data: READY } as never);
    expect(socket.sent).toEqual([{ type: 'bridge.lock', data: { name: 'B7', holder: 'h1' } }]);
    socket.comes('locked', { name: 'B7', token: 7 });
    const lock = await asked;
    expect([lock.name, lock.token, lock.lost.aborted]).toEqual(['B7', 7, false]);
    expect(await locks.lock('B7')).toBe(lock);
    expect(socket.sent).toHaveLength(1);
  });

  it('names its holder at random when it is given none', () => {
    const holders = [new Locks({ WebSocket: HandlerSocket }), new Locks({ WebSocket: HandlerSocket })].map(
      (locks) => {
        const socket = new locks.WebSocket('ws://x', []) as unknown as HandlerSocket;
        socket.onmessage = () => undefined;
        (socket.onmessage as (event: object) => void)({ data: READY });
        void locks.lock('B7');
        return socket.sent[0]?.data.holder;
      },
    );
    for (const holder of holders) expect(holder).toMatch(/^[0-9a-f]{32}$/);
    expect(holders[0]).not.toBe(holders[1]);
  });

  it.each(['LOCKED', 'TOO_MANY_LOCKS', 'READ_ONLY', 'UNAVAILABLE', 'TOO_MANY_MESSAGES'])(
    'is told when it is refused with %s, and may ask again',
    async (code) => {
      const { locks, connect } = page();
      const socket = connect();
      const asked = locks.lock('B7');
      socket.comes('error', { code, message: 'because', name: 'B7' });
      await expect(asked).rejects.toMatchObject({ code, message: 'because' });
      void locks.lock('B7');
      expect(socket.asked).toEqual(['lock B7', 'lock B7']);
    },
  );

  it.each(['INVALID_LOCK', 'RESERVED', 'READ_ONLY', 'INVALID_COMMAND'])(
    'keeps what it holds when another message is refused with %s, which names nothing',
    async (code) => {
      const { locks, lock, socket } = await held();
      const asked = locks.lock('\u0000');
      socket.comes('error', { code, message: 'because' });
      await expect(asked).rejects.toMatchObject({ code });
      expect(lock.lost.aborted).toBe(false);
      lock.unlock();
      expect(socket.asked).toEqual(['lock B7', 'lock \u0000', 'unlock B7']);
    },
  );

  it('loses what it held when it comes back to a route without locks', async () => {
    const { lock, connect } = await held();
    connect().comes('error', { code: 'RESERVED', message: 'only the bridge may begin so' });
    expect(lock.lost.aborted).toBe(true);
  });

  it('is told when the connection can carry no locks at all, and of no other refusal', async () => {
    const { locks, connect } = page();
    const socket = connect();
    const asked = locks.lock('B7');
    socket.comes('error', { code: 'TOO_MANY_MESSAGES', message: 'another message' });
    socket.comes('error', { code: 'RESERVED', message: 'only the bridge may begin so' });
    await expect(asked).rejects.toMatchObject({ code: 'RESERVED' });
  });

  it('gives it back', async () => {
    const { locks, lock, socket } = await held();
    lock.unlock();
    lock.unlock();
    expect([socket.asked, lock.lost.aborted]).toEqual([['lock B7', 'unlock B7'], true]);
    void locks.lock('B7');
    lock.unlock();
    expect(socket.asked).toEqual(['lock B7', 'unlock B7', 'lock B7']);
  });

  it('gives all back when it is closed, and gives up what was asked for', async () => {
    const { locks, socket } = await held();
    const asked = locks.lock('C8');
    locks.close();
    await expect(asked).rejects.toMatchObject({ code: 'CLOSED' });
    expect(socket.asked).toEqual(['lock B7', 'lock C8', 'unlock B7', 'unlock C8']);
  });
});

describe('a page that gives a name back and wants it again', () => {
  it('takes no answer for its own that comes before the one to its unlock', async () => {
    const { locks, connect } = page();
    const socket = connect();
    locks.lock('B7').catch(() => undefined);
    locks.close();
    let isGranted = false;
    const again = locks.lock('B7').finally(() => (isGranted = true));
    socket.comes('locked', { name: 'B7', token: 7 });
    socket.comes('unlocked', { name: 'B7', reason: 'lost' });
    await Promise.resolve();
    expect(isGranted).toBe(false);
    socket.comes('unlocked', { name: 'B7', reason: 'freed' });
    socket.comes('locked', { name: 'B7', token: 8 });
    expect((await again).token).toBe(8);
    expect(socket.asked).toEqual(['lock B7', 'unlock B7', 'lock B7']);
  });

  it('is not refused by the answer to what it asked before', async () => {
    const { locks, connect } = page();
    const socket = connect();
    locks.lock('B7').catch(() => undefined);
    locks.close();
    const again = locks.lock('B7');
    socket.comes('error', { code: 'LOCKED', message: 'another', name: 'B7' });
    socket.comes('unlocked', { name: 'B7', reason: 'freed' });
    socket.comes('locked', { name: 'B7', token: 8 });
    expect((await again).token).toBe(8);
  });

  it.each(['UNAVAILABLE', 'TOO_MANY_MESSAGES', 'READ_ONLY'])(
    'does not wait for an answer to an unlock that was refused with %s',
    async (code) => {
      const { locks, lock, socket } = await held();
      lock.unlock();
      socket.comes('error', { code, message: 'later', name: 'B7' });
      const again = locks.lock('B7');
      socket.comes('locked', { name: 'B7', token: 8 });
      expect((await again).token).toBe(8);
    },
  );

  it.each(['UNAVAILABLE', 'TOO_MANY_MESSAGES'])(
    'gives it back again after a while where that was refused with %s: nobody else gets it before',
    async (code) => {
      const { lock, socket, connect } = await held();
      lock.unlock();
      for (let times = 1; times <= 2; times += 1) {
        socket.comes('error', { code, message: 'later', name: 'B7' });
        jest.advanceTimersByTime(999);
        expect(socket.asked).toHaveLength(1 + times);
        jest.advanceTimersByTime(1);
        expect(socket.asked.slice(1)).toEqual(Array.from({ length: 1 + times }, () => 'unlock B7'));
      }
      socket.comes('error', { code, message: 'later', name: 'B7' });
      const next = connect();
      jest.advanceTimersByTime(1000);
      expect([next.asked, socket.asked.length]).toEqual([[], 4]);
    },
  );

  it('does not give it back again where it is wanted by then', async () => {
    const { locks, lock, socket } = await held();
    lock.unlock();
    socket.comes('error', { code: 'TOO_MANY_MESSAGES', message: 'later', name: 'B7' });
    void locks.lock('B7');
    jest.advanceTimersByTime(1000);
    expect(socket.asked).toEqual(['lock B7', 'unlock B7', 'lock B7']);
  });

  it('waits for one answer to each unlock, and for none over the next connection', async () => {
    const { locks, lock, socket, connect } = await held();
    lock.unlock();
    locks.lock('B7').catch(() => undefined);
    locks.close();
    let isGranted = false;
    const again = locks.lock('B7').finally(() => (isGranted = true));
    socket.comes('unlocked', { name: 'B7', reason: 'freed' });
    socket.comes('locked', { name: 'B7', token: 8 });
    await Promise.resolve();
    expect(isGranted).toBe(false);
    const next = connect();
    next.comes('locked', { name: 'B7', token: 9 });
    expect((await again).token).toBe(9);
  });

  it('gives back what it is told to have and does not want any more', async () => {
    const { locks, lock, socket } = await held();
    lock.unlock();
    const again = locks.lock('B7');
    socket.comes('error', { code: 'UNAVAILABLE', message: 'later', name: 'B7' });
    await expect(again).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    socket.comes('locked', { name: 'B7', token: 8 });
    expect(socket.asked).toEqual(['lock B7', 'unlock B7', 'lock B7', 'unlock B7']);
  });
});

describe('a page that holds a lock', () => {
  it('asks for it again over each next connection, and has its new token', async () => {
    const { lock, socket, connect } = await held();
    const next = connect();
    expect(next.sent).toEqual([{ type: 'bridge.lock', data: { name: 'B7', holder: 'h1' } }]);
    // The one before is told that the lock has moved.
    socket.comes('unlocked', { name: 'B7', reason: 'lost' });
    next.comes('locked', { name: 'B7', token: 8 });
    expect([lock.token, lock.lost.aborted]).toEqual([8, false]);
    lock.unlock();
    expect([socket.asked, next.asked]).toEqual([['lock B7'], ['lock B7', 'unlock B7']]);
  });

  it('is told when it lost it: the bridge says so, or another had it meanwhile', async () => {
    const first = await held();
    first.socket.comes('unlocked', { name: 'B7', reason: 'lost' });
    expect([first.lock.lost.aborted, first.lock.lost.reason]).toEqual([
      true,
      expect.objectContaining({ code: 'LOST' }),
    ]);
    const second = await held();
    second.connect().comes('error', { code: 'LOCKED', message: 'another', name: 'B7' });
    expect(second.lock.lost.reason).toMatchObject({ code: 'LOCKED' });
  });

  it('keeps asking while the bridge cannot say, over the same connection alone', async () => {
    const { lock, connect } = await held();
    const next = connect();
    next.comes('error', { code: 'UNAVAILABLE', message: 'later', name: 'B7' });
    jest.runAllTimers();
    expect([next.asked, lock.lost.aborted]).toEqual([['lock B7', 'lock B7'], false]);
    next.comes('error', { code: 'UNAVAILABLE', message: 'later', name: 'B7' });
    const last = connect();
    jest.runAllTimers();
    expect([next.asked.length, last.asked]).toEqual([2, ['lock B7']]);
  });
});

it('tells each list, and leaves every message to the client', () => {
  const { told, got, connect } = page();
  const socket = connect();
  const list = [{ name: 'B7', user: 'ana' }];
  socket.comes('locks', { locks: list });
  expect([told, got.length]).toEqual([[list], 2]);
});

it.each([
  ['locks', null],
  ['locks', {}],
  ['locked', null],
  ['locked', { name: 'B7', token: 'x' }],
  ['unlocked', null],
  ['error', {}],
])('takes no notice of a malformed bridge.%s: %j', async (type, data) => {
  const { lock, socket, told } = await held();
  socket.comes(type, data);
  expect([told, lock.token, lock.lost.aborted]).toEqual([[], 7, false]);
});

it('needs a WebSocket', () => {
  const own = globalThis.WebSocket;
  Reflect.deleteProperty(globalThis, 'WebSocket');
  try {
    expect(() => new Locks()).toThrow(TypeError);
  } finally {
    globalThis.WebSocket = own;
  }
});

describe('locks of a client that is closed for good', () => {
  const closed = { code: 'CLOSED', message: 'the client is closed' };
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask'] });
  });

  it('are rejected where they are asked for, and lost where they are held, once the bridge keeps them no longer', async () => {
    const { locks, lock, socket } = await held();
    const asked = locks.lock('C1');
    socket.close();
    locks.WebSocket.ended?.();
    jest.advanceTimersByTime(9_999);
    expect(lock.lost.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    await expect(asked).rejects.toMatchObject(closed);
    expect(lock.lost.reason).toMatchObject(closed);
    await expect(locks.lock('C2')).rejects.toMatchObject(closed);
  });

  it('stay where another client takes over in time, as of a component that is mounted anew', async () => {
    const { locks, lock, socket, connect } = await held();
    const asked = locks.lock('C1');
    socket.close();
    locks.WebSocket.ended?.();
    jest.advanceTimersByTime(9_999);
    const next = connect();
    jest.advanceTimersByTime(60_000);
    next.comes('locked', { name: 'B7', token: 8 });
    next.comes('locked', { name: 'C1', token: 9 });
    expect([lock.token, (await asked).token, lock.lost.aborted]).toEqual([8, 9, false]);
  });

  it('stay where another client took over before', async () => {
    const { locks, lock, connect } = await held();
    connect().comes('locked', { name: 'B7', token: 8 });
    locks.WebSocket.ended?.();
    jest.advanceTimersByTime(10_000);
    expect([lock.token, lock.lost.aborted]).toEqual([8, false]);
  });

  it('may be had again by a later client', async () => {
    const { locks, socket, connect } = await held();
    socket.close();
    locks.WebSocket.ended?.();
    jest.advanceTimersByTime(10_000);
    const next = connect();
    const again = locks.lock('B7');
    next.comes('locked', { name: 'B7', token: 8 });
    expect((await again).token).toBe(8);
    expect(next.asked).toEqual(['lock B7']);
  });

  it.each(['that is open', 'that waits for its next attempt'])(
    'hear of that from a client %s',
    async (which) => {
      const bridge = new FakeBridge();
      bridge.session = undefined;
      const network = new FakeNetwork(bridge);
      const locks = new Locks({ WebSocket: network.WebSocket });
      const { client } = await startRig({ WebSocket: tellPeers(() => undefined, locks.WebSocket) });
      const asked = locks.lock('B7');
      if (which !== 'that is open') network.last.lose(1006);
      client.close();
      jest.advanceTimersByTime(10_000);
      await expect(asked).rejects.toMatchObject(closed);
    },
  );

  it('hear of that from a client whose bridge forbids it', async () => {
    const network = new FakeNetwork(new FakeBridge());
    const locks = new Locks({ WebSocket: network.WebSocket });
    const { client } = await startRig({ WebSocket: locks.WebSocket });
    network.last.lose(4403);
    expect(client.state).toBe('closed');
    jest.advanceTimersByTime(10_000);
    await expect(locks.lock('B7')).rejects.toMatchObject(closed);
  });

  it('keep no process running', () => {
    jest.useRealTimers();
    const set = jest.spyOn(globalThis, 'setTimeout');
    page().locks.WebSocket.ended?.();
    expect((set.mock.results[0]?.value as NodeJS.Timeout).hasRef()).toBe(false);
    set.mockRestore();
  });
});
