import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { protobufDump, SERVICE, startFixture, type Fixture } from './fixture';
import { openRaw, readAnswer, requestRaw, upgradeLines } from './raw-client';

/** Milliseconds that the idle test's service may be silent: its answer to the upgrade comes sooner on a slow machine too. */
const IDLE_MS = 2000;

const config = {
  _format_version: '3.0',
  services: [
    {
      ...SERVICE,
      retries: 0,
      routes: [
        { name: 'kept', paths: ['/ws'], strip_path: false },
        { name: 'stripped', paths: ['/stripped'] },
        { name: 'host', paths: ['/host'], preserve_host: true },
        { name: 'https', paths: ['/https'], protocols: ['https'] },
      ],
    },
    {
      ...{ name: 'idle', host: '127.0.0.1', port: 19080, read_timeout: IDLE_MS },
      routes: [{ name: 'idle', paths: ['/idle'] }],
    },
    { ...{ name: 'down', host: 'down', port: 1, retries: 0 }, routes: [{ name: 'down', paths: ['/down'] }] },
    {
      ...{ name: 'nowhere', host: 'nowhere.invalid', port: 80 },
      routes: [{ name: 'nowhere', paths: ['/nowhere'] }],
    },
    {
      ...{ name: 'raw', host: 'raw', port: 80, retries: 2 },
      routes: [
        { name: 'raw', paths: ['/raw'] },
        { name: 'raw-at-once', paths: ['/raw/at-once'], response_buffering: false },
      ],
    },
  ],
  routes: [{ name: 'loose', paths: ['/loose'] }],
};

let fixture: Fixture;
let raw: Server;
let onRaw: (socket: Socket) => void;

beforeEach(async () => {
  raw = createServer((socket) => {
    socket.on('error', () => undefined);
    onRaw(socket);
  });
  raw.listen(0, '127.0.0.1');
  await once(raw, 'listening');
  const rawTarget = `127.0.0.1:${(raw.address() as AddressInfo).port}`;
  const resolve = { 'down:1': '127.0.0.1:1', 'raw:80': rawTarget };
  fixture = await startFixture({ dump: protobufDump('gate'), config, resolve });
});
afterEach(async () => {
  await fixture.stop();
  raw.close();
});

async function open(path: string, headers: Record<string, string> = {}): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${fixture.gateway.port}${path}`, { headers });
  await once(socket, 'open');
  return socket;
}

async function echo(
  socket: WebSocket,
  message: string | Buffer,
): Promise<{ data: Buffer; isBinary: boolean }> {
  socket.send(message);
  const [data, isBinary] = (await once(socket, 'message')) as [Buffer, boolean];
  return { data, isBinary };
}

describe('an upgraded connection', () => {
  it('carries text, binary and 1 MiB both ways, byte for byte', async () => {
    const socket = await open('/ws/echo');
    const large = Buffer.alloc(1024 * 1024, 'abcdefg');
    expect(await echo(socket, 'grüße 🜚')).toEqual({ data: Buffer.from('grüße 🜚'), isBinary: false });
    expect(await echo(socket, Buffer.from([0, 255, 10]))).toEqual({
      data: Buffer.from([0, 255, 10]),
      isBinary: true,
    });
    expect((await echo(socket, large)).data.equals(large)).toBe(true);
    socket.terminate();
  });

  it('hands over close codes and reasons both ways', async () => {
    const socket = await open('/ws/echo');
    const inner = fixture.upstream.sockets.at(-1);
    const closed = once(inner ?? socket, 'close');
    socket.close(4001, 'from the client');
    expect((await closed).map(String)).toEqual(['4001', 'from the client']);

    const other = await open('/ws/echo');
    const otherClosed = once(other, 'close');
    fixture.upstream.sockets.at(-1)?.close(4401, 'from the bridge');
    expect((await otherClosed).map(String)).toEqual(['4401', 'from the bridge']);
  });

  it('ends for the client when the upstream is gone, and for the upstream when the client is reset', async () => {
    const socket = await open('/ws/echo');
    const ended = once(socket, 'close');
    fixture.upstream.sockets.at(-1)?.terminate();
    expect((await ended)[0]).toBe(1006);

    const client = await openRaw(fixture.gateway.port, upgradeLines('/ws/echo'));
    await readAnswer(client);
    const gone = once(fixture.upstream.sockets.at(-1) ?? client, 'close');
    client.resetAndDestroy();
    expect((await gone)[0]).toBe(1006);
  });

  it('carries what the client sends before it has its 101', async () => {
    const client = await openRaw(fixture.gateway.port, upgradeLines('/ws/echo'));
    // A masked text frame "hi".
    client.write(Buffer.from('818200000000' + Buffer.from('hi').toString('hex'), 'hex'));
    const received: Buffer[] = [];
    client.on('data', (chunk: Buffer) => received.push(chunk));
    const echoed = Buffer.from('\x81\x02hi', 'latin1');
    while (!Buffer.concat(received).includes(echoed)) await once(client, 'data');
    expect(Buffer.concat(received).subarray(-echoed.length)).toEqual(echoed);
    client.destroy();
  });

  it('is cut when neither side says anything for read_timeout', async () => {
    const startedAt = performance.now();
    const socket = await open('/idle');
    await once(socket, 'close');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(IDLE_MS * 0.9);
  });

  it('does not run ahead of a client that does not read', async () => {
    const client = await openRaw(fixture.gateway.port, upgradeLines('/ws/echo'));
    await readAnswer(client);
    client.pause();
    const inner = fixture.upstream.sockets.at(-1);
    if (inner === undefined) throw new Error('no socket upstream');
    const total = 64 * 1024 * 1024;
    inner.send(Buffer.alloc(total));
    // The gateway carries as much for somebody else meanwhile.
    const other = await open('/ws/echo');
    const mebibyte = Buffer.alloc(1024 * 1024);
    for (let carried = 0; carried < total; carried += 2 * mebibyte.length) await echo(other, mebibyte);
    other.terminate();
    // More than the kernel holds for two connections stays with the upstream.
    expect(inner.bufferedAmount).toBeGreaterThan(total / 2);
    client.destroy();
  });
});

describe('the request that goes upstream', () => {
  it('has Kong’s headers, and the client’s own under those names are gone', async () => {
    const forged = {
      'X-Forwarded-For': '6.6.6.6',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil',
      'X-Forwarded-Prefix': '/evil',
      'X-Real-IP': '6.6.6.6',
      'X-Kong-Request-Id': 'forged',
      Proxy: 'evil',
      'Keep-Alive': 'timeout=1',
    };
    const socket = await open('/ws/a?x=1&y', forged);
    const { headers, url, method } = fixture.upstream.last;
    expect([method, url]).toEqual(['GET', '/ws/a?x=1&y']);
    expect(headers).toMatchObject({
      host: '127.0.0.1:19080',
      connection: 'keep-alive, Upgrade',
      upgrade: 'websocket',
      via: '1.1 ws-gateway-stand-in',
      'x-forwarded-for': '6.6.6.6, 127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': '127.0.0.1',
      'x-forwarded-port': String(fixture.gateway.port),
      'x-forwarded-path': '/ws/a',
      'x-real-ip': '127.0.0.1',
    });
    expect(headers['x-kong-request-id']).toMatch(/^[\da-f]{32}$/);
    expect(headers).not.toHaveProperty('x-forwarded-prefix');
    expect(headers).not.toHaveProperty('proxy');
    expect(headers).not.toHaveProperty('keep-alive');
    socket.terminate();
  });

  it('keeps header names with underscores, and loses those that nginx does not take', async () => {
    const lines = ['GET /ws HTTP/1.1', 'Host: a', 'x_tenant_id: kept', 'x.tenant.id: lost'];
    await requestRaw(fixture.gateway.port, lines);
    expect(fixture.upstream.last.headers).toHaveProperty('x_tenant_id', 'kept');
    expect(fixture.upstream.last.headers).not.toHaveProperty(['x.tenant.id']);
  });

  it('has lost what the client named in Connection', async () => {
    const lines = ['GET /ws HTTP/1.1', 'Host: a', 'Connection: close, X-Secret', 'X-Secret: 1', 'X-Other: 2'];
    await requestRaw(fixture.gateway.port, lines);
    expect(fixture.upstream.last.headers).not.toHaveProperty('x-secret');
    expect(fixture.upstream.last.headers).toMatchObject({ 'x-other': '2', connection: 'keep-alive' });
  });

  it('keeps what stands behind a hundred header lines, of which Kong itself reads none', async () => {
    const many = Array.from({ length: 100 }, (_, n) => `X-${n}: ${n}`);
    const unread = [
      'Connection: Upgrade, X-1',
      'Upgrade: websocket',
      'X-Forwarded-For: 192.0.2.7',
      'TE: trailers',
    ];
    await requestRaw(fixture.gateway.port, ['GET /ws HTTP/1.1', 'Host: a', ...many, ...unread]);
    const { headers } = fixture.upstream.last;
    expect(headers).toMatchObject({ 'x-1': '1', connection: 'keep-alive', 'x-forwarded-for': '127.0.0.1' });
    for (const name of ['upgrade', 'te']) expect(headers).not.toHaveProperty(name);
  });

  it('has X-Forwarded-For by the line that is spelled with _, where there is one', async () => {
    const lines = ['GET /ws HTTP/1.1', 'Host: a', 'X-Forwarded-For: 192.0.2.7', 'X_Forwarded_For: 192.0.2.8'];
    await requestRaw(fixture.gateway.port, lines);
    expect(fixture.upstream.last.headers['x-forwarded-for']).toBe('192.0.2.8, 127.0.0.1');
  });

  it('has a query without a fragment', async () => {
    await requestRaw(fixture.gateway.port, ['GET /ws/a?x=1#y HTTP/1.1', 'Host: a']);
    expect(fixture.upstream.last.url).toBe('/ws/a?x=1');
  });

  it.each(['http://Other:99/ws/a?x=1', 'ws://other/ws/a?x=1'])(
    'has neither scheme nor host of a target in absolute form, which go before the Host header: %s',
    async (target) => {
      await requestRaw(fixture.gateway.port, [`GET ${target} HTTP/1.1`, 'Host: a']);
      expect(fixture.upstream.last.url).toBe('/ws/a?x=1');
      expect(fixture.upstream.last.headers).toMatchObject({
        'x-forwarded-host': 'other',
        'x-forwarded-path': '/ws/a',
      });
    },
  );

  it('is none where the target has no host in its absolute form, or a user', async () => {
    for (const target of ['http:///ws', 'http://a:b@other/ws']) {
      const { status } = await requestRaw(fixture.gateway.port, [`GET ${target} HTTP/1.1`, 'Host: a']);
      expect(status).toBe(400);
    }
  });

  it.each([
    ['CONNECT /ws HTTP/1.1', 405],
    ['CONNECT gateway.test:80 HTTP/1.1', 400],
    ['GET /ws HTTP/2.0', 505],
  ])('is none where nginx refuses it: %s', async (line, status) => {
    expect(await requestRaw(fixture.gateway.port, [line, 'Host: a'])).toMatchObject({ status });
  });

  it('goes on without the Trailer that its client announces', async () => {
    const { status } = await requestRaw(fixture.gateway.port, upgradeLines('/ws', ['Trailer: X-Sum']));
    expect([status, fixture.upstream.last.headers.trailer]).toEqual([101, undefined]);
  });

  it('asks for no upgrade where the client names none in Connection, since Node hands over no socket then', async () => {
    const lines = ['GET /ws HTTP/1.1', 'Host: a', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    expect((await requestRaw(fixture.gateway.port, lines)).status).toBe(200);
    expect(fixture.upstream.last.headers).not.toHaveProperty('upgrade');
  });

  it('has no Upgrade that is not to a WebSocket', async () => {
    const lines = ['GET /ws HTTP/1.1', 'Host: a', 'Connection: Upgrade', 'Upgrade: h2c'];
    expect((await requestRaw(fixture.gateway.port, lines)).status).toBe(200);
    expect(fixture.upstream.last.headers).not.toHaveProperty('upgrade');
    expect(fixture.upstream.last.headers.connection).toBe('keep-alive');
  });

  it('has the path without what the route strips, and says so', async () => {
    await requestRaw(fixture.gateway.port, ['GET /stripped/a%2Fb/../c?q HTTP/1.1', 'Host: a']);
    expect(fixture.upstream.last.url).toBe('/c?q');
    expect(fixture.upstream.last.headers['x-forwarded-prefix']).toBe('/stripped');
  });

  it('has the client’s host where the route preserves it', async () => {
    await requestRaw(fixture.gateway.port, ['GET /host HTTP/1.1', 'Host: Shop.Example:81']);
    expect(fixture.upstream.last.headers.host).toBe('Shop.Example:81');
    expect(fixture.upstream.last.headers['x-forwarded-host']).toBe('shop.example');
  });

  it('keeps the question mark of an empty query', async () => {
    await requestRaw(fixture.gateway.port, ['GET /ws/a? HTTP/1.1', 'Host: a']);
    expect(fixture.upstream.last.url).toBe('/ws/a?');
  });

  it('carries a body, chunked or not', async () => {
    const chunked = ['POST /ws HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked', '', '3', 'abc', '0'];
    expect(await requestRaw(fixture.gateway.port, chunked)).toMatchObject({ status: 200 });
    expect(fixture.upstream.last.headers).toMatchObject({ 'content-length': '3' });
    expect(fixture.upstream.last.headers).not.toHaveProperty('transfer-encoding');
  });
});

describe('an answer of the gateway itself', () => {
  it('404 for no route, with the request id, by a server that is not Kong', async () => {
    const { status, headers, body } = await requestRaw(fixture.gateway.port, ['GET /x HTTP/1.1', 'Host: a']);
    expect(status).toBe(404);
    const id = headers.get('x-kong-request-id');
    expect(JSON.parse(body)).toEqual({ message: 'no Route matched with those values', request_id: id });
    expect(headers.get('server')).toBe('ws-gateway-stand-in');
  });

  it.each([
    ['/down', 502, 'An invalid response was received from the upstream server'],
    ['/nowhere', 503, 'name resolution failed'],
    ['/loose', 503, 'no Service found with those values'],
    ['/https', 426, 'Please use HTTPS protocol'],
  ])('%s: %d %s', async (path, status, message) => {
    const answer = await requestRaw(fixture.gateway.port, upgradeLines(path, ['Accept: application/json']));
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ message });
  });

  it('is plain text for a failed upstream and a client that accepts nothing special', async () => {
    const { headers, body } = await requestRaw(fixture.gateway.port, upgradeLines('/down'));
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(body).toMatch(/^An invalid response .*\nrequest_id: [\da-f]{32}\n$/);
  });

  it('400 for a header line of more than 8 KiB', async () => {
    const lines = ['GET /ws HTTP/1.1', 'Host: a', `X-Long: ${'x'.repeat(8_192)}`];
    const { status, body } = await requestRaw(fixture.gateway.port, lines);
    expect(status).toBe(400);
    expect(body).toContain('Request header or cookie too large');
    expect(fixture.upstream.requests).toHaveLength(0);
  });
});

describe('the upstream’s answer', () => {
  it('is relayed as it is when it refuses an upgrade', async () => {
    onRaw = (socket) => {
      socket.end(
        'HTTP/1.1 503 Draining\r\nRetry-After: 3\r\nKeep-Alive: timeout=9\r\nX-Accel-Redirect: /x\r\nUpgrade: websocket\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nbusy',
      );
    };
    const { status, headers, body } = await requestRaw(fixture.gateway.port, upgradeLines('/raw'));
    expect([status, body]).toEqual([503, 'busy']);
    expect(headers.get('retry-after')).toBe('3');
    expect(headers.get('x-a')).toBe('1\n2');
    expect(headers.get('connection')).toBe('close');
    expect(headers.has('keep-alive')).toBe(false);
    expect(headers.has('x-accel-redirect')).toBe(false);
    expect(headers.get('via')).toBe('1.1 ws-gateway-stand-in');
  });

  it('loses an Upgrade that the request did not have', async () => {
    onRaw = (socket) => {
      socket.end('HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n');
    };
    const { headers } = await requestRaw(fixture.gateway.port, ['GET /raw HTTP/1.1', 'Host: a']);
    expect(headers.has('upgrade')).toBe(false);
  });

  it('is asked for again, as often as the service says, when the connection breaks', async () => {
    let calls = 0;
    onRaw = (socket) => {
      calls += 1;
      socket.destroy();
    };
    expect((await requestRaw(fixture.gateway.port, upgradeLines('/raw'))).status).toBe(502);
    expect(calls).toBe(3);
  });

  const headOf = (status: string, bytes: number) => {
    const lines = `HTTP/1.1 ${status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\nX-Large: `;
    return `${lines}${'x'.repeat(bytes - lines.length - '\r\n\r\n'.length)}\r\n\r\n`;
  };

  it.each([
    ['whose head is larger than 4,096 bytes', headOf('200 OK', 4097)],
    ['that upgrades with such a head', headOf('101 Switching Protocols', 4097)],
    ['that is no HTTP', 'HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n'],
  ])('is a 502 and asked for once where it is one %s', async (_, answer) => {
    let calls = 0;
    onRaw = (socket) => {
      calls += 1;
      socket.end(answer);
    };
    expect((await requestRaw(fixture.gateway.port, upgradeLines('/raw'))).status).toBe(502);
    expect(calls).toBe(1);
  });

  it.each(['200 OK', '101 Switching Protocols'])('may have a head of 4,096 bytes: %s', async (status) => {
    onRaw = (socket) => socket.end(headOf(status, 4096));
    const answer = await requestRaw(fixture.gateway.port, upgradeLines('/raw'));
    expect(answer.status).toBe(Number(status.slice(0, 3)));
  });

  it('is not waited for when the client is gone', async () => {
    const asked = new Promise<Socket>((resolve) => (onRaw = resolve));
    const client = await openRaw(fixture.gateway.port, upgradeLines('/raw'));
    const socket = await asked;
    socket.resume();
    const closed = once(socket, 'close');
    client.destroy();
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});

describe('an answer that does not end yet', () => {
  let finish: () => void;
  function answers(header = ''): void {
    onRaw = (socket) => {
      const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${header}Transfer-Encoding: chunked\r\n\r\n`;
      socket.write(`${head}3\r\none\r\n`);
      finish = () => socket.end('3\r\ntwo\r\n0\r\n\r\n');
    };
  }

  it.each([
    ['the route', '/raw/at-once', ''],
    ['the answer', '/raw', 'X-Accel-Buffering: no\r\n'],
  ])('is passed on as it comes where %s says so', async (_, path, header) => {
    answers(header);
    const reader = (await fetch(`${fixture.gateway.url}${path}`)).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('one');
    finish();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('two');
  });

  it('waits for more of it otherwise', async () => {
    answers();
    let isAnswered = false;
    const answered = fetch(`${fixture.gateway.url}/raw`).then((response) => {
      isAnswered = true;
      return response.text();
    });
    // These take the same way, and longer.
    for (let count = 0; count < 5; count += 1) await (await fetch(`${fixture.gateway.url}/ws`)).text();
    expect(isAnswered).toBe(false);
    finish();
    expect(await answered).toBe('onetwo');
  });
});
