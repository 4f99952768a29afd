import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pino } from 'pino';
import { Connection } from '../../../sidecar/connection/connection';
import type { Order } from '../../../sidecar/connection/order';
import { FOREIGN_SESSION } from '../../../sidecar/connection/reservation';
import { UpgradeHandler, type UpgradeContext } from '../../../sidecar/handshake/upgrade-handler';
import { badRequest, tooManyConnections, type Refusal } from '../../../sidecar/http/refusal';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { deferred } from '../../../sidecar/lib/promises';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { acceptUpgrade } from '../../../sidecar/websocket/accept-upgrade';
import { NOW_MS, policyOf, rawOf, type Asked } from './judging';
import { NotedSocket } from './noted-socket';

const PATH = '/ws/notifications';
const REVOKE: Order = { type: 'revoke', tenant: 'acme' };

/** The word of Redis on an upgrade: a refusal, or nothing when it may be opened. */
type Establish = (isVain: () => boolean) => Promise<Refusal | undefined>;

let establish: Establish;
let opened: Map<Connection, (connection: Connection, code: number) => void>;
let released: Connection[];
let forfeited: Refusal | undefined;

// Connections of which Redis and the socket are the test's.
beforeEach(() => {
  establish = () => Promise.resolve(undefined);
  opened = new Map();
  released = [];
  forfeited = undefined;
  const spied = Connection.prototype;
  jest.spyOn(spied, 'establish').mockImplementation((isVain) => establish(isVain));
  jest.spyOn(spied, 'forfeited', 'get').mockImplementation(() => forfeited);
  jest.spyOn(spied, 'open').mockImplementation(function (this: Connection, _socket, _stream, onClosed) {
    opened.set(this, onClosed);
  });
  jest.spyOn(spied, 'hasSocket', 'get').mockImplementation(function (this: Connection) {
    return opened.has(this);
  });
  jest.spyOn(spied, 'release').mockImplementation(function (this: Connection) {
    released.push(this);
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});

/** A handler, and all that it says. */
async function handling(changes: Partial<UpgradeContext> = {}) {
  const counted: unknown[][] = [];
  const lines: Record<string, unknown>[] = [];
  const connections = {
    ...{ shares: LoopShares.uncut(), wheel: new TimerWheel(10, 1024, 0), monotonicMs: () => 0 },
    keepingOf: () => ({ maxItems: 1, maxBytes: 1, lingerMs: 0 }),
  };
  const handler = new UpgradeHandler({
    policy: await policyOf(),
    context: connections,
    metrics: { upgrade: (...all: unknown[]) => void counted.push(all), ofRoute: () => ({}) },
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) }),
    maxConnections: 0,
    subprotocols: [],
    handshakeTimeoutMs: 10_000,
    random: () => 0,
    messageSizes: { any: 10, commands: 10, refuse: 10, relay: 10 },
    maxFragments: 1,
    ...changes,
  } as unknown as UpgradeContext);
  const begin = async (asked: Asked = {}) => {
    const socket = new NotedSocket();
    const message = (await rawOf({ caller: { path: PATH }, ...asked })) as unknown as IncomingMessage;
    return { socket, done: handler.handle(message, socket, Buffer.alloc(0)) };
  };
  /** @returns the status of the answer; undefined when there is none */
  const ask = async (asked?: Asked): Promise<number | undefined> => {
    const { socket, done } = await begin(asked);
    await done;
    return statusOf(socket);
  };
  return { handler, begin, ask, counted, lines };
}

function caller() {
  const identity = { tenantId: 'acme', userId: 'alice', roles: [] };
  return { identity, requestId: 'r', tokenExp: 0, path: PATH, iat: NOW_MS / 1000 };
}

function statusOf({ text }: NotedSocket): number | undefined {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  return status === undefined ? undefined : Number(status);
}

const HELD = {
  ...{ routeName: 'notifications', path: PATH, caller: { ...caller(), tokenJti: undefined } },
  ...{ revoke: () => undefined, reauthorizeAt: () => undefined, close: () => undefined },
  terminate: () => undefined,
};

function listenersOfAnOpenSocket(): number {
  const stream = new NotedSocket();
  const limits = { maxMessageBytes: 1, maxFragments: 1, maxPieces: 1 };
  acceptUpgrade({ stream, head: Buffer.alloc(0), key: '' }, limits, undefined, () => undefined);
  return stream.listenerCount('error');
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an upgrade', () => {
  it('that is admitted is answered, counted, and one of the open connections until it closes', async () => {
    const { handler, begin, counted, lines } = await handling();
    const { socket, done } = await begin();
    expect(handler.undecided).toBe(1);
    await done;
    expect(statusOf(socket)).toBe(101);
    expect(handler.undecided).toBe(0);
    expect(counted).toEqual([['notifications', 'websocket', 'admitted', expect.any(Number)]]);
    // In seconds.
    expect(counted[0]?.[3]).toBeGreaterThan(0);
    expect(counted[0]?.[3]).toBeLessThan(60);
    // Nothing of its handshake is left on its connection.
    expect(socket.listenerCount('error')).toBe(listenersOfAnOpenSocket());
    expect(lines).toMatchObject([{ outcome: 'admitted', status: 101, tenant: 'acme', user: 'alice' }]);
    expect(released).toEqual([]);
    expect(handler.connections.size).toBe(1);
    for (const [connection, onClosed] of opened) onClosed(connection, 1000);
    expect(handler.connections.size).toBe(0);
    socket.destroy();
  });

  it('that is refused is answered and counted, and gives back what it took', async () => {
    const { handler, begin, ask, counted, lines } = await handling();
    establish = () => Promise.resolve(tooManyConnections('user'));
    expect(await ask()).toBe(429);
    expect(counted).toEqual([['notifications', 'websocket', 'too_many_connections', expect.any(Number)]]);
    expect(lines).toMatchObject([{ outcome: 'too_many_connections', status: 429, user: 'alice' }]);
    expect(released).toHaveLength(1);
    expect([handler.undecided, handler.connections.size]).toEqual([0, 0]);
    const { socket, done } = await begin({ headers: { 'X-Tenant-ID': 'other' } });
    await done;
    expect(statusOf(socket)).toBe(401);
    // A client that resets its connection now harms nobody.
    socket.emit('error', new Error('ECONNRESET'));
    // It took nothing.
    expect(released).toHaveLength(1);
  });

  it('is refused while the bridge closes, and its assertion is not used up', async () => {
    const accept = jest.fn(() => 'first' as const);
    const { handler, ask } = await handling({ policy: await policyOf({ replayGuard: { accept } }) });
    expect(handler.isAccepting).toBe(true);
    handler.stop();
    expect(handler.isAccepting).toBe(false);
    expect(await ask()).toBe(503);
    expect(accept).not.toHaveBeenCalled();
  });

  it('is admitted while the bridge drains, which takes no other: nobody else might answer it', async () => {
    const { handler, ask } = await handling();
    handler.connections.add({ ...HELD, retireAt: () => undefined });
    handler.drain(1000, 0);
    expect(handler.isAccepting).toBe(false);
    jest.spyOn(Connection.prototype, 'retireAt').mockImplementation(() => undefined);
    expect(await ask()).toBe(101);
  });

  it('is refused while so many are open or on their way as may be', async () => {
    const { begin, ask } = await handling({ maxConnections: 2 });
    expect(await ask()).toBe(101);
    const answer = deferred<Refusal | undefined>();
    establish = () => answer.promise;
    const { socket, done } = await begin();
    await turn();
    expect(await ask()).toBe(503);
    answer.resolve(tooManyConnections('user'));
    await done;
    expect(statusOf(socket)).toBe(429);
    establish = () => Promise.resolve(undefined);
    expect(await ask()).toBe(101);
    expect(await ask()).toBe(503);
  });

  it.each<[string, (of: { handler: UpgradeHandler; socket: NotedSocket }) => unknown]>([
    ['its client is gone', ({ socket }) => socket.destroy()],
    ['its client sends no more', ({ socket }) => socket.push(null) || socket.resume()],
    [
      'the bridge closes',
      ({ handler }) => {
        handler.stop();
      },
    ],
    [
      'an order means it',
      ({ handler }) => {
        handler.obey(REVOKE, () => undefined);
      },
    ],
  ])('asks nothing more of Redis once %s', async (_, happen) => {
    const { handler, begin } = await handling();
    const answer = deferred<undefined>();
    let isVain = (): boolean => false;
    establish = (asked) => {
      isVain = asked;
      return answer.promise;
    };
    const { socket, done } = await begin();
    await turn();
    expect(isVain()).toBe(false);
    happen({ handler, socket });
    await turn();
    expect(isVain()).toBe(true);
    answer.resolve(undefined);
    await done;
    expect(opened.size).toBe(0);
    expect(released).toHaveLength(1);
    expect(statusOf(socket)).not.toBe(101);
    socket.destroy();
  });

  it('is refused when its session went to another while Redis was asked', async () => {
    const { ask } = await handling();
    forfeited = FOREIGN_SESSION;
    expect(await ask()).toBe(403);
    expect([opened.size, released.length]).toEqual([0, 1]);
  });

  it('of a browser that is gone by the time that it is refused is remembered no longer', async () => {
    const { handler, begin } = await handling();
    const answer = deferred<Refusal | undefined>();
    establish = () => answer.promise;
    const { socket, done } = await begin({ headers: { Origin: 'https://app.example' } });
    await turn();
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    answer.resolve(FOREIGN_SESSION);
    await done;
    const destroy = jest.spyOn(socket, 'destroy');
    handler.destroyUndecided();
    expect(destroy).not.toHaveBeenCalled();
  });

  it('whose client is gone by the time that it is admitted gives back what it took', async () => {
    const { begin, counted, lines } = await handling();
    const { socket, done } = await begin();
    socket.destroy();
    await done;
    expect(socket.text).toBe('');
    expect([opened.size, released.length]).toEqual([0, 1]);
    expect(counted).toMatchObject([['notifications', 'websocket', 'client_gone', {}]]);
    expect(lines[0]).not.toHaveProperty('status');
  });

  it('is refused when Redis fails or does not answer in time, and gives back what it took', async () => {
    const { handler, ask } = await handling({ handshakeTimeoutMs: 20 });
    establish = () => Promise.reject(new Error('gone'));
    expect(await ask()).toBe(503);
    establish = () => new Promise(() => undefined);
    expect(await ask()).toBe(503);
    expect(released).toHaveLength(2);
    expect(handler.undecided).toBe(0);
  });

  it('for which something fails is answered with 500', async () => {
    const newSession = () => {
      throw new Error('a fault');
    };
    const { handler, ask, counted } = await handling({ policy: await policyOf({ newSession }) });
    expect(await ask({ url: '/ws/ai/chat', caller: {} })).toBe(500);
    expect(counted).toMatchObject([[undefined, 'websocket', 'failed', {}]]);
    expect(handler.undecided).toBe(0);
  });

  it('whose client resets its connection in the middle harms nobody', async () => {
    const { begin } = await handling();
    const answer = deferred<undefined>();
    establish = () => answer.promise;
    const { socket, done } = await begin();
    socket.destroy(new Error('ECONNRESET'));
    answer.resolve(undefined);
    await done;
    expect(opened.size).toBe(0);
  });

  it('that is not decided is cut when the bridge has no more time for it', async () => {
    const { handler, begin } = await handling();
    const answer = deferred<undefined>();
    establish = () => answer.promise;
    const { socket, done } = await begin();
    await turn();
    handler.destroyUndecided();
    expect(socket.destroyed).toBe(true);
    answer.resolve(undefined);
    await done;
  });
});

describe('a request for an event stream', () => {
  /** @returns the status of the answer */
  async function ask(handler: UpgradeHandler, asked: Asked, isNext = true): Promise<number | undefined> {
    const statuses: number[] = [];
    const response = {
      socket: isNext ? {} : null,
      req: {},
      on: () => response,
      once: () => response,
      writeHead: (status: number) => (statuses.push(status) > 0 ? response : response),
      flushHeaders: () => undefined,
      end: () => undefined,
    };
    const message = { ...(await rawOf({ caller: { path: PATH }, ...asked })), socket: new NotedSocket() };
    await handler.handleStream(message as unknown as IncomingMessage, response as unknown as ServerResponse);
    return statuses[0];
  }

  it('is judged as an upgrade is, and counted by its transport', async () => {
    const { handler, counted, lines } = await handling();
    expect(await ask(handler, { headers: { Upgrade: undefined } })).toBe(200);
    expect(await ask(handler, { headers: { 'X-Tenant-ID': 'other' } })).toBe(401);
    expect(counted).toMatchObject([
      ['notifications', 'http', 'admitted', {}],
      ['notifications', 'http', 'unauthorized', {}],
    ]);
    expect(lines).toMatchObject([
      { transport: 'http', status: 200 },
      { transport: 'http', status: 401 },
    ]);
    expect([opened.size, handler.undecided]).toEqual([1, 0]);
  });

  it('is refused behind an answer that is not over: nobody would learn of its end', async () => {
    const { handler, counted } = await handling();
    expect(await ask(handler, { headers: { Upgrade: undefined } }, false)).toBe(400);
    expect(counted).toMatchObject([['notifications', 'http', 'bad_request', {}]]);
    expect([opened.size, released.length, handler.undecided]).toEqual([0, 1, 0]);
  });
});

describe('a browser that is refused with 403', () => {
  const ORIGIN = { Origin: 'https://app.example' };

  it('is told by a close code, and cut when the bridge has no more time for it', async () => {
    const { handler, begin, counted } = await handling();
    forfeited = FOREIGN_SESSION;
    const { socket, done } = await begin({ headers: ORIGIN });
    await done;
    expect(statusOf(socket)).toBe(101);
    expect(counted).toMatchObject([['notifications', 'websocket', 'forbidden', {}]]);
    expect(socket.text).not.toContain('HTTP/1.1 403');
    expect(socket.destroyed).toBe(false);
    handler.destroyUndecided();
    expect(socket.destroyed).toBe(true);
  });

  it('is told by the answer alone of anything else', async () => {
    const { ask } = await handling();
    establish = () => Promise.resolve(tooManyConnections('user'));
    expect(await ask({ headers: ORIGIN })).toBe(429);
    expect(await ask({ headers: { ...ORIGIN, 'X-Tenant-ID': 'other' } })).toBe(401);
  });
});

describe('a caller who was admitted', () => {
  const admitted = { ...caller(), tokenJti: 'j1' };

  it.each<[Order, number | undefined]>([
    [REVOKE, 401],
    [{ type: 'revoke', jti: 'j1' }, 401],
    [{ type: 'revoke', tenant: 'acme', user: 'alice', path: PATH }, 403],
    [{ type: 'reauthorize', tenant: 'acme', user: 'alice' }, 401],
    [{ type: 'revoke', tenant: 'acme', user: 'bob' }, undefined],
  ])('is refused what it asks for now after %j with %p', async (order, status) => {
    const { handler } = await handling();
    expect(handler.refusalOf(admitted, PATH)).toBeUndefined();
    const met: number[] = [];
    handler.obey(order, (count) => met.push(count));
    expect(met).toEqual([0]);
    expect(handler.refusalOf(admitted, PATH)?.status).toBe(status);
  });

  it('is refused it while the bridge closes', async () => {
    const { handler } = await handling();
    handler.stop();
    expect(handler.refusalOf(admitted, PATH)?.status).toBe(503);
  });
});

describe('a request that Node answers to nobody', () => {
  it('is answered on its connection, which is closed, and counted', async () => {
    const { handler, counted, lines } = await handling();
    const socket = new NotedSocket();
    handler.refuseUnread(Object.assign(new Error('too much'), { code: 'HPE_HEADER_OVERFLOW' }), socket);
    await turn();
    expect([statusOf(socket), socket.destroyed]).toEqual([431, true]);
    expect(counted).toEqual([[undefined, 'websocket', 'headers_too_large']]);
    expect(lines).toMatchObject([{ outcome: 'headers_too_large', status: 431, transport: 'websocket' }]);
    socket.emit('error', new Error('ECONNRESET'));
  });

  it('is cut without an answer where its client is gone, or nothing can be written', async () => {
    const { handler, counted } = await handling();
    const [gone, ended] = [new NotedSocket(), new NotedSocket()];
    handler.refuseUnread(Object.assign(new Error('reset'), { code: 'ECONNRESET' }), gone);
    ended.end();
    handler.refuseUnread(Object.assign(new Error('too much'), { code: 'HPE_HEADER_OVERFLOW' }), ended);
    expect([gone.destroyed, ended.destroyed, gone.text, ended.text]).toEqual([true, true, '', '']);
    expect(counted).toEqual([]);
  });

  it('is counted where its connection is cut by now, with what is known of it', async () => {
    const { handler, counted, lines } = await handling();
    const socket = new NotedSocket();
    socket.destroy();
    const message = await rawOf({ headers: { 'X-Kong-Request-Id': 'k1' } });
    handler.refuse(badRequest('expected less'), socket, message as unknown as IncomingMessage);
    expect(socket.text).toBe('');
    expect(counted).toHaveLength(1);
    expect(lines).toMatchObject([{ kongRequestId: 'k1', reason: 'expected less' }]);
  });
});

describe('an assertion that names no path', () => {
  const warnings = (lines: readonly Record<string, unknown>[]) => lines.filter(({ level }) => level === 40);
  const unbound: Asked = { caller: {} };

  it('is told of once', async () => {
    const { ask, lines } = await handling();
    await ask();
    expect(warnings(lines)).toHaveLength(0);
    await ask(unbound);
    await ask(unbound);
    expect(warnings(lines)).toHaveLength(1);
  });

  it('is not where nobody looks at the path', async () => {
    const { ask, lines } = await handling({ policy: await policyOf({ assertionPath: 'ignored' }) });
    await ask(unbound);
    expect(warnings(lines)).toHaveLength(0);
  });
});
