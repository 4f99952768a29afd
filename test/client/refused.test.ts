import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import {
  connect,
  ConnectError,
  type BridgeClient,
  type ClientOptions,
  type StateInfo,
} from '../../client/src/index.ts';
import { FakeBridge } from './fake-bridge';
import { settled } from './fake-clock';
import { startChat, startRig, type Rig } from './fixture';
import { serve } from './ws-server';

/** A rig's client tells these of attempts that failed. */
function listen({ client }: Pick<Rig, 'client'>): { errors: unknown[]; states: [string, StateInfo][] } {
  const errors: unknown[] = [];
  const states: [string, StateInfo][] = [];
  client.on('error', (error) => errors.push(error));
  client.on('state', (...state) => states.push(state));
  return { errors, states };
}

describe('a refused connection, over the WebSocket of ws', () => {
  let server: Server;
  let url: string;
  let client: BridgeClient | undefined;
  let answer: string;
  let sockets: Duplex[];

  beforeEach(async () => {
    sockets = [];
    server = createServer();
    server.on('connection', (socket) => sockets.push(socket));
    server.on('upgrade', (_: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => undefined);
      socket.end(answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/notifications`;
  });
  afterEach(async () => {
    client?.close();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  /** The error and the state of the first attempt. */
  async function attempted(options: Partial<ClientOptions> = {}): Promise<[ConnectError, string, StateInfo]> {
    const made = (client = connect({ url, token: () => 'a.b.c', WebSocket, ...options }));
    const error = new Promise((resolve) => made.on('error', resolve));
    const state = new Promise<[string, StateInfo]>((resolve) => {
      made.on('state', (...now) => {
        resolve(now);
      });
    });
    return [(await error) as ConnectError, ...(await state)];
  }

  it.each([
    ['401 Unauthorized', '{"message":"The token expired"}', 'refused: 401 The token expired'],
    ['404 Not Found', '{"message":"no Route\\u001b[2J matched"}', 'refused: 404 no Route [2J matched'],
    ['503 Service Unavailable', '<html>', 'refused: 503'],
  ])('tells its status and what it says: %s', async (status, body, message) => {
    answer = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const [error, state, info] = await attempted();
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: 'REFUSED', status: Number(status.slice(0, 3)), message });
    expect(state).toBe('connecting');
    expect(info).toMatchObject({ attempt: 2, reason: message, delayMs: expect.any(Number) as number });
  });

  it('waits for as long as Retry-After says at least, in seconds or until a date', async () => {
    answer = 'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n';
    const [error, , info] = await attempted({ random: () => 0.5 });
    expect(error).toMatchObject({ status: 429, retryAfterMs: 7_000 });
    expect(info.delayMs).toBeGreaterThan(7_000);
    expect(info.delayMs).toBeLessThanOrEqual(7_500);
    client?.close();

    const date = new Date(Date.now() + 60_000).toUTCString();
    answer = `HTTP/1.1 503 Unavailable\r\nRetry-After: ${date}\r\nContent-Length: 0\r\n\r\n`;
    const [{ retryAfterMs }] = await attempted();
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('tells the status also when the body never ends', async () => {
    server.removeAllListeners('upgrade');
    server.on('upgrade', (_: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n{');
    });
    const [error] = await attempted({ connectTimeoutMs: 5000 });
    expect(error).toMatchObject({ code: 'REFUSED', status: 500 });
  });

  it('tells of a closed port', async () => {
    // Only root may listen on it, and nothing does.
    const [error] = await attempted({ url: 'ws://127.0.0.1:1/ws/notifications' });
    expect(error).toMatchObject({
      code: 'HANDSHAKE_FAILED',
      closeCode: 1006,
      message: expect.stringMatching(/^cannot connect: .*ECONNREFUSED/) as string,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('is over when the server is there, at once after reconnect()', async () => {
    answer = 'HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n';
    const good = await serve(new FakeBridge());
    let address = url;
    class Redirected extends WebSocket {
      constructor(_: string, protocols: string[]) {
        super(address, protocols);
      }
    }
    await attempted({ backoffBaseMs: 1e9, backoffCapMs: 1e9, random: () => 1, WebSocket: Redirected });
    address = good.url;
    const opened = new Promise((resolve) => client?.on('state', resolve));
    client?.reconnect();
    expect(await opened).toBe('open');
    client?.close();
    await good.stop();
  });
});

describe('a failed attempt', () => {
  it('is told each time, with its number, its reason and the delay until the next', async () => {
    const rig = await startRig();
    const { errors, states } = listen(rig);
    rig.network.refusing = true;
    rig.network.last.lose(1012);
    await rig.clock.advance(500 + 1_000 + 2_000);
    const reason = 'cannot connect: closed with 1006';
    expect(errors).toMatchObject(
      Array(3).fill({ code: 'HANDSHAKE_FAILED', closeCode: 1006, message: reason }),
    );
    expect(states).toEqual([
      ['reconnecting', { attempt: 1, delayMs: 500, reason: 'closed with 1012' }],
      ['reconnecting', { attempt: 2, delayMs: 1_000, reason }],
      ['reconnecting', { attempt: 3, delayMs: 2_000, reason }],
      ['reconnecting', { attempt: 4, delayMs: 4_000, reason }],
    ]);
    rig.network.refusing = false;
    await rig.clock.advance(4_000);
    expect(states.at(-1)).toEqual(['open', { attempt: 0, delayMs: undefined, reason: '' }]);
  });

  it('to take over is told, and leaves the state of the open connection as it is', async () => {
    const rig = await startRig();
    const { errors, states } = listen(rig);
    rig.network.refusing = true;
    rig.client.reconnect();
    await settled();
    expect(errors).toHaveLength(1);
    expect(states).toEqual([]);
    expect(rig.client.state).toBe('open');
  });

  it('throws nothing when nobody listens', async () => {
    const uncaught = jest.spyOn(globalThis, 'queueMicrotask');
    const rig = await startRig({ token: () => Promise.reject(new Error('logged out')) });
    await rig.clock.advance(60_000);
    expect(rig.client.state).toBe('connecting');
    expect(uncaught.mock.calls.every(([callback]) => !String(callback).includes('throw'))).toBe(true);
    uncaught.mockRestore();
    rig.client.close();
  });

  it('may be answered by its listener with reconnect() or close()', async () => {
    const rig = await startRig();
    let count = 0;
    rig.client.on('error', () => {
      count += 1;
      if (count === 1) rig.client.reconnect();
      else rig.client.close();
    });
    rig.network.refusing = true;
    rig.network.last.lose(1006);
    await rig.clock.advance(500);
    expect(count).toBe(2);
    expect(rig.client.state).toBe('closed');
    expect(rig.clock.pending).toBe(0);
  });

  it('is not told of a connection that another attempt replaces', async () => {
    const rig = await startRig({ token: () => 'token' });
    const { errors } = listen(rig);
    rig.network.prompt = false;
    rig.client.reconnect();
    await settled();
    rig.client.reconnect();
    await settled();
    rig.network.last.deliver();
    expect(errors).toEqual([]);
    expect(rig.network.sockets.map(({ readyState }) => readyState)).toEqual([3, 3, 1]);
  });
});

describe('reconnect()', () => {
  it('tries at once, and delays begin anew', async () => {
    const rig = await startRig();
    const { states } = listen(rig);
    rig.network.refusing = true;
    rig.network.last.lose(1006);
    await rig.clock.advance(20_000);
    rig.client.reconnect();
    await settled();
    expect(states.at(-1)).toMatchObject(['reconnecting', { attempt: 2, delayMs: 500 }]);
    rig.network.refusing = false;
    rig.client.reconnect();
    await settled();
    expect(rig.client.state).toBe('open');
  });

  it('of an open client lets another connection take over, and loses nothing', async () => {
    const rig = await startRig();
    rig.client.reconnect();
    await settled();
    expect(rig.network.sockets.map(({ readyState }) => readyState)).toEqual([3, 1]);
    expect(rig.network.last.url.search).toBe('?session=s1&resume=e1-0.7&state=missing');
    expect(rig.told).toEqual(['open']);
  });

  it('throws when the client is closed', async () => {
    const { client } = await startRig();
    client.close();
    expect(() => {
      client.reconnect();
    }).toThrow('CLOSED');
  });
});

describe('after maxAttempts', () => {
  it('the client is closed, says why, and rejects what waits with that', async () => {
    const rig = await startChat({ maxAttempts: 3 });
    const { errors } = listen(rig);
    const closes: unknown[] = [];
    rig.client.on('close', (info) => closes.push(info));
    rig.network.refusing = true;
    rig.network.last.lose(1006);
    const waiting = rig.client.send('message').catch((cause: unknown) => cause);
    await rig.clock.advance(60_000);
    const reason = 'gave up after 3 failed attempts: cannot connect: closed with 1006';
    expect(errors).toHaveLength(3);
    expect(rig.told).toEqual(['open', 'reconnecting', 'closed']);
    expect(closes).toEqual([{ code: 1006, reason }]);
    expect(await waiting).toMatchObject({ code: 'CLOSED', message: reason });
    expect(rig.network.sockets).toHaveLength(1 + 3);
    expect(rig.clock.pending).toBe(0);
  });

  it('tokens that could not be had are counted as well', async () => {
    const rig = await startRig({ maxAttempts: 2, token: () => Promise.reject(new Error('logged out')) });
    await rig.clock.advance(60_000);
    expect(rig.told).toEqual(['connecting', 'closed']);
  });
});

describe('a token function', () => {
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['an empty text', ''],
    ['number', 7],
    ['object', { token: 'secret' }],
    ['a text with other characters', '<html>secret</html>'],
    ['a text with other characters', 'secret\n'],
  ])(
    'that gives %s opens no socket, is told as a TypeError that quotes nothing, and asked again',
    async (got, value) => {
      let asked = 0;
      const rig = await startRig({
        token: () => {
          asked += 1;
          return asked < 3 ? (value as string) : 'token';
        },
      });
      const { errors } = listen(rig);
      expect(rig.network.sockets).toHaveLength(0);
      await rig.clock.advance(500 + 1_000);
      expect(rig.client.state).toBe('open');
      expect(errors).toEqual([
        new TypeError(`token: expected a function that gives a text such as a JWT, got ${got}`),
      ]);
      expect(errors[0]).toBeInstanceOf(TypeError);
      expect(rig.network.sockets.map(({ protocols }) => protocols[1])).toEqual(['bearer.token']);
    },
  );
});

describe('an option that is none', () => {
  it.each([
    [{ token: undefined }, 'token: expected a function, got undefined'],
    [{ token: null }, 'token: expected a function, got null'],
    [{ token: 'secret' }, 'token: expected a function, got string'],
    [{ backoffBaseMs: NaN }, 'backoffBaseMs: expected a number of 0 or more, got NaN'],
    [{ backoffCapMs: -1 }, 'backoffCapMs: expected a number of 0 or more, got -1'],
    // To say none by it would open one connection after the other.
    [{ idleTimeoutMs: 0 }, 'idleTimeoutMs: expected a number of 1 or more, got 0'],
    [{ ackTimeoutMs: 0 }, 'ackTimeoutMs: expected a number of 1 or more, got 0'],
    [{ connectTimeoutMs: '10' }, 'connectTimeoutMs: expected a number of 1 or more, got 10'],
    [{ maxAttempts: 0 }, 'maxAttempts: expected a number of 1 or more, got 0'],
    // From a storage that has none: every user would ask for the session "null".
    [{ session: null }, 'session: expected 1 to 128 characters of A-Z a-z 0-9 _ -, got null'],
    [{ session: '' }, 'session: expected 1 to 128 characters of A-Z a-z 0-9 _ -, got an empty text'],
    [{ session: 'a:b' }, 'session: expected 1 to 128 characters of A-Z a-z 0-9 _ -, got string'],
    [{ resume: true }, 'resume: expected oldest, got boolean'],
  ])('is refused when the client is made: %j', async (options, message) => {
    await expect(startRig(options as never)).rejects.toThrow(new TypeError(message));
  });

  it('has its default when it is undefined', async () => {
    const rig = await startRig({ backoffBaseMs: undefined, maxAttempts: undefined });
    rig.network.last.lose(1006);
    await rig.clock.advance(499);
    expect(rig.network.sockets).toHaveLength(1);
    await rig.clock.advance(1);
    expect(rig.client.state).toBe('open');
  });
});
