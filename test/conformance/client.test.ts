import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { connect, ConnectError, type BridgeClient } from '../../client/src/index.ts';

/** RFC 6455 §1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Connections on which the server does it wrong; on the next it does it right. */
const WRONG_CONNECTIONS = 3;
const BACKOFF_MS = 20;
/** For a server that says nothing: a slow machine is no such. */
const SHORT_TIMEOUT_MS = 3000;
const TIMEOUT_MS = 20_000;
const READY = { type: 'bridge.ready', data: { epoch: 'e1', offset: 0, resumed: false } };
const FRAME = '{"type":"token","data":{"token":"right","index":0}}';

/** The lines of a correct answer to a handshake, by name. */
type Answer = Readonly<Record<string, string>>;

/** Does it wrong on a socket whose client has asked for an upgrade with this key. */
type Wrong = (socket: Socket, answer: Answer, query: URLSearchParams) => void;

/** Those that leave their client waiting. */
const silentOnes = new WeakSet<Wrong>();

let server: Server;
let wrong: Wrong;
let sockets: Socket[];
let upgrades: number;
let upgradedAtMs: number[];
let client: BridgeClient | undefined;
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);

beforeAll(() => {
  process.on('unhandledRejection', onUnhandled);
  process.on('uncaughtException', onUnhandled);
});
afterAll(() => {
  process.off('unhandledRejection', onUnhandled);
  process.off('uncaughtException', onUnhandled);
});
beforeEach(async () => {
  upgrades = 0;
  upgradedAtMs = [];
  sockets = [];
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    void serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  client?.close();
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

async function serve(socket: Socket): Promise<void> {
  let head = '';
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
    if (typeof chunk === 'boolean') return;
    head += chunk.toString('latin1');
  }
  // The client asks over HTTP why it was refused.
  if (!/^upgrade:/im.test(head)) {
    socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    return;
  }
  upgrades += 1;
  upgradedAtMs.push(performance.now());
  const key = /^sec-websocket-key: (.*)$/im.exec(head)?.[1] ?? '';
  const query = new URL(/^GET (\S+)/.exec(head)?.[1] ?? '/', 'http://bad.test').searchParams;
  const answer = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': createHash('sha1')
      .update(key.trim() + GUID)
      .digest('base64'),
    'Sec-WebSocket-Protocol': 'bridge.v1',
  };
  if (upgrades <= WRONG_CONNECTIONS) wrong(socket, answer, query);
  else {
    accept(socket, answer);
    say(socket, READY);
    if (query.has('resume')) say(socket, gap());
    text(socket, FRAME);
  }
}

function accept(socket: Socket, answer: Answer, status = '101 Switching Protocols'): void {
  const lines = Object.entries(answer).map(([name, value]) => `${name}: ${value}`);
  socket.write([`HTTP/1.1 ${status}`, ...lines, '', ''].join('\r\n'));
}

/** A server's frame of at most 65,535 bytes. */
function frame(first: number, payload: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(payload);
  const { length } = bytes;
  const header = length < 126 ? [first, length] : [first, 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), bytes]);
}

function text(socket: Socket, payload: Buffer | string): void {
  socket.write(frame(0x81, payload));
}

function say(socket: Socket, message: object): void {
  text(socket, JSON.stringify(message));
}

function gap(offset: unknown = 0, epoch: unknown = 'e1'): object {
  return { type: 'bridge.gap', data: { reason: 'unknown', epoch, offset } };
}

function ready(data: object): object {
  return { type: 'bridge.ready', data: { ...READY.data, ...data } };
}

/** Answers the handshake as it should be, but for this. */
function answers(changes: Readonly<Record<string, string | undefined>>, status?: string): Wrong {
  return (socket, answer) => {
    const changed = Object.entries({ ...answer, ...changes }).filter(([, value]) => value !== undefined);
    accept(socket, Object.fromEntries(changed) as Answer, status);
  };
}

/** Accepts, then sends these bytes. */
function sends(...frames: readonly (Buffer | object | string)[]): Wrong {
  return (socket, answer) => {
    accept(socket, answer);
    for (const each of frames) {
      if (Buffer.isBuffer(each)) socket.write(each);
      else text(socket, typeof each === 'string' ? each : JSON.stringify(each));
    }
  };
}

/** Is ready first. */
function isReadyThen(...frames: readonly (Buffer | object | string)[]): Wrong {
  return (socket, answer, query) => {
    const owed = query.has('resume') ? [gap()] : [];
    sends(READY, ...owed, ...frames)(socket, answer, query);
  };
}

/** Does no more than that. */
function andIsSilent(behaviour: Wrong): Wrong {
  silentOnes.add(behaviour);
  return behaviour;
}

/** All that the application was told until a right frame came. */
interface Told {
  readonly errors: readonly unknown[];
  readonly reasons: readonly string[];
  readonly frames: readonly unknown[];
  readonly connections: number;
}

/** Connects, and resolves once the frame of the connection that is right has come. */
function untilRight(): Promise<Told> {
  const timeoutMs = silentOnes.has(wrong) ? SHORT_TIMEOUT_MS : TIMEOUT_MS;
  const errors: unknown[] = [];
  const reasons: string[] = [];
  const frames: unknown[] = [];
  const { port } = server.address() as AddressInfo;
  const opened = connect({
    url: `ws://127.0.0.1:${port}`,
    path: '/ws/notifications',
    token: () => 'a.b.c',
    WebSocket,
    random: () => 0.5,
    backoffBaseMs: BACKOFF_MS,
    backoffCapMs: 2 * BACKOFF_MS,
    connectTimeoutMs: timeoutMs,
    idleTimeoutMs: timeoutMs,
  });
  client = opened;
  opened.on('error', (error) => errors.push(error));
  opened.on('state', (state, { attempt, reason }) => {
    if (state === 'reconnecting' || attempt > 1) reasons.push(reason);
  });
  return new Promise((resolve, reject) => {
    opened.on('close', ({ code, reason }) => {
      reject(new Error(`expected to go on, got ${code} ${reason}`));
    });
    opened.on('frame', (each) => {
      frames.push(each);
      if (JSON.stringify(each) === FRAME) resolve({ errors, reasons, frames, connections: upgrades });
    });
  });
}

async function comesBack(behaviour: Wrong): Promise<Told> {
  wrong = behaviour;
  const told = await untilRight();
  // Never in a loop: one attempt a connection, each after a delay, and the application is told why.
  expect(told.connections).toBe(WRONG_CONNECTIONS + 1);
  // The time is that of three delays of about so long, counted where the upgrades arrive.
  expect((upgradedAtMs.at(-1) ?? 0) - (upgradedAtMs[0] ?? 0)).toBeGreaterThan(BACKOFF_MS);
  expect(told.reasons.length).toBeGreaterThan(0);
  expect(told.reasons).not.toContain('');
  expect(unhandled).toEqual([]);
  return told;
}

describe('a client whose server', () => {
  it.each<[string, Wrong]>([
    ['answers with another accept', answers({ 'Sec-WebSocket-Accept': 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' })],
    ['answers without an accept', answers({ 'Sec-WebSocket-Accept': undefined })],
    ['selects a subprotocol that was not offered', answers({ 'Sec-WebSocket-Protocol': 'chat' })],
    ['selects two subprotocols', answers({ 'Sec-WebSocket-Protocol': 'bridge.v1, bearer.a.b.c' })],
    ['selects no subprotocol', answers({ 'Sec-WebSocket-Protocol': undefined })],
    ['answers with an extension', answers({ 'Sec-WebSocket-Extensions': 'x-unheard-of' })],
    ['answers without Upgrade', answers({ Upgrade: undefined })],
    ['upgrades to something else', answers({ Upgrade: 'h2c' })],
    ['answers 200', answers({ Upgrade: undefined, Connection: 'close', 'Content-Length': '0' }, '200 OK')],
    ['answers 500', answers({ Upgrade: undefined, Connection: 'close', 'Content-Length': '0' }, '500 Oh')],
    ['answers with no HTTP', (socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n')],
    ['ends the connection without an answer', (socket) => void socket.end()],
    ['resets the connection', (socket) => void socket.resetAndDestroy()],
    ['never answers', andIsSilent(() => undefined)],
    ['answers with half a head', andIsSilent((socket) => void socket.write('HTTP/1.1 101 Switching'))],
    ['accepts, and is never ready', andIsSilent(sends())],
  ])('%s tells the application, and connects again with backoff', async (_, behaviour) => {
    const { errors } = await comesBack(behaviour);
    expect(errors).toHaveLength(WRONG_CONNECTIONS);
    for (const error of errors) expect(error).toBeInstanceOf(ConnectError);
  });

  it.each<[string, Wrong]>([
    ['sends a mask', sends(Buffer.from('818100000000 41'.replace(' ', ''), 'hex'))],
    ['sends a reserved opcode', sends(frame(0x83, 'x'))],
    ['sends a control frame of an unknown opcode', sends(frame(0x8b))],
    ['sends a reserved bit', sends(frame(0xc1, 'x'))],
    ['sends a ping of 126 bytes', sends(frame(0x89, Buffer.alloc(126)))],
    ['sends a ping in fragments', sends(frame(0x09))],
    ['sends a continuation of nothing', sends(frame(0x80, 'x'))],
    ['sends text that is no UTF-8', sends(frame(0x81, Buffer.from([0xff])))],
    ['sends a frame of 2^63 - 1 bytes', sends(Buffer.from('817f7fffffffffffffff', 'hex'))],
    ['sends a length beyond 63 bits', sends(Buffer.from('817fffffffffffffffff', 'hex'))],
    ['closes with half a code', sends(frame(0x88, 'x'))],
    ['closes with the code 1005', sends(frame(0x88, Buffer.from('03ed', 'hex')))],
    ['closes with the code 0', sends(frame(0x88, Buffer.from('0000', 'hex')))],
    [
      'closes with a reason of 124 bytes',
      sends(frame(0x88, Buffer.concat([Buffer.from('03e8', 'hex'), Buffer.alloc(124, 'x')]))),
    ],
    ['closes with a reason that is no UTF-8', sends(frame(0x88, Buffer.from('03e8ff', 'hex')))],
    ['closes without a code', sends(frame(0x88))],
    ['sends a frame before it is ready', sends(FRAME)],
    ['sends bytes before it is ready', sends(frame(0x82, 'bytes'))],
    ['sends text that is no JSON before it is ready', sends('hello')],
    ['sends a gap before it is ready', sends(gap())],
    ['sends an acknowledgement before it is ready', sends({ type: 'bridge.ack', data: { id: 'c1' } })],
    ['is ready in broken JSON', sends('{"type":"bridge.ready","data":{')],
    ['is ready without data', sends({ type: 'bridge.ready' })],
    ['is ready with null', sends({ type: 'bridge.ready', data: null })],
    ['is ready with an array', sends({ type: 'bridge.ready', data: [] })],
    ['is ready at an offset below 0', sends(ready({ offset: -1 }))],
    [
      'is ready at an offset of 1e300',
      sends('{"type":"bridge.ready","data":{"epoch":"e1","offset":1e300,"resumed":false}}'),
    ],
    ['is ready at an offset of 2^53', sends(ready({ offset: 2 ** 53 }))],
    ['is ready at an offset that is text', sends(ready({ offset: '0' }))],
    ['is ready in an epoch of other characters', sends(ready({ epoch: 'e 1' }))],
    ['is ready in an epoch of 129 characters', sends(ready({ epoch: 'e'.repeat(129) }))],
    ['does not say whether it resumed', sends(ready({ resumed: 'no' }))],
  ])('%s tells the application, and connects again with backoff', async (_, behaviour) => {
    const { errors, frames } = await comesBack(behaviour);
    expect(errors).toHaveLength(WRONG_CONNECTIONS);
    expect(frames).toHaveLength(1);
  });

  it.each<[string, Wrong]>([
    ['is ready twice', isReadyThen(READY)],
    ['sends a gap of broken JSON', isReadyThen('{"type":"bridge.gap"')],
    ['sends a gap without an epoch', isReadyThen(gap(0, null))],
    [
      'sends a gap at an offset of 1e300',
      isReadyThen('{"type":"bridge.gap","data":{"reason":"redis","epoch":"e1","offset":1e300}}'),
    ],
    ['sends an acknowledgement of nothing', isReadyThen({ type: 'bridge.ack', data: {} })],
    ['sends an error without a code', isReadyThen({ type: 'bridge.error', data: {} })],
    ['sends a state that is no base64', isReadyThen({ type: 'bridge.state', data: { base64: '%' } })],
    ['sends a control frame whose type is cut', isReadyThen('{"type":"bridge.')],
  ])('%s is closed with 4400, and the client connects again with backoff', async (_, behaviour) => {
    const { errors } = await comesBack(behaviour);
    expect(errors).toHaveLength(WRONG_CONNECTIONS);
    for (const error of errors) expect(error).toMatchObject({ code: 'PROTOCOL', closeCode: 4400 });
  });

  it.each<[string, Wrong]>([
    ['sends a mask', isReadyThen(Buffer.from('81810000000041', 'hex'))],
    ['ends in the middle of a frame', endsAfter(Buffer.from('817e', 'hex'))],
    ['closes with a reason of 124 bytes', isReadyThen(frame(0x88, Buffer.alloc(126, 3)))],
    ['says nothing more, and answers no ping', andIsSilent(isReadyThen())],
  ])('is ready and %s is left, and the client connects again', async (_, behaviour) => {
    wrong = behaviour;
    const { connections: count } = await untilRight();
    expect(count).toBe(WRONG_CONNECTIONS + 1);
    expect(unhandled).toEqual([]);
  });

  it.each<[string, readonly (Buffer | object | string)[]]>([
    [
      'control frames of types that are unknown',
      [{ type: 'bridge.news', data: { a: 1 } }, { type: 'bridge.x' }],
    ],
    ['text that is no JSON', ['hello', '{"type":', '[]', 'null', '']],
    ['JSON that is no frame', ['{}', '{"type":7}', '{"type":"token"}', '{"type":"token","data":null}']],
    ['an acknowledgement of a command that was never sent', [{ type: 'bridge.ack', data: { id: 'never' } }]],
    ['a pong that nobody asked for', [frame(0x8a, 'x'), { type: 'bridge.pong', data: {} }]],
    ['huge numbers', ['{"type":"token","data":{"token":"x","index":1e999}}', `[${'9'.repeat(5000)}]`]],
    ['10,000 brackets', ['['.repeat(10_000)]],
  ])('sends %s is borne: the frame after that arrives on the same connection', async (_, frames) => {
    wrong = isReadyThen(...frames, FRAME);
    const told = await untilRight();
    expect([told.connections, told.errors, unhandled]).toEqual([1, [], []]);
  });
});

function endsAfter(bytes: Buffer): Wrong {
  return (socket, answer, query) => {
    isReadyThen(bytes)(socket, answer, query);
    socket.end();
  };
}
