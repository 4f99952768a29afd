import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../fakes/redis-server';
import { openRaw, readAnswer } from '../kong-stand-in/raw-client';
import { headersFor, startBridge, type TestBridge } from '../sidecar/fixture';
import { closeFrame } from './frames';

const PATH = '/ws/collaboration/handshake';
const HOST = 'Host: bridge.test';
const CONNECTION = 'Connection: Upgrade';
const UPGRADE = 'Upgrade: websocket';
const VERSION = 'Sec-WebSocket-Version: 13';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const ALL = [HOST, CONNECTION, UPGRADE, VERSION, KEY];

let redis: RedisServer;
let bridge: TestBridge;
beforeAll(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url);
});
afterAll(async () => {
  await bridge.bridge.close();
  await redis.stop();
});

/** A request: its line, unless it is the usual one, and its header lines. */
interface Request {
  readonly line?: string;
  readonly lines: readonly string[];
}

async function statusOf({ line = `GET ${PATH} HTTP/1.1`, lines }: Request): Promise<number> {
  const caller = Object.entries(await headersFor({ tenant: 'acme', user: 'alice' }));
  const socket = await openRaw(Number(new URL(bridge.url).port), [
    line,
    ...lines,
    ...caller.map(([name, value]) => `${name}: ${value}`),
  ]);
  const { status, headers } = await readAnswer(socket);
  socket.destroy();
  // RFC 9110 §7.8: a sender of Upgrade also sends the connection option.
  if (headers.has('upgrade')) expect(headers.get('connection')).toMatch(/\bupgrade\b/i);
  // RFC 9110 §15.5.22, and RFC 6455 §4.4 for a version that is not spoken.
  if (status === 426)
    expect([headers.get('upgrade'), headers.get('sec-websocket-version')]).toEqual(['websocket', '13']);
  expect(headers.has('sec-websocket-extensions')).toBe(false);
  return status;
}

/** The usual lines, one replaced by others. */
function replaced(line: string, ...others: readonly string[]): Request {
  return { lines: ALL.flatMap((usual) => (usual === line ? others : [usual])) };
}

function added(...lines: readonly string[]): Request {
  return { lines: [...ALL, ...lines] };
}

it.each<[string, Request]>([
  ['as RFC 6455 §1.2 has it', { lines: ALL }],
  [
    'with names in lower case',
    { lines: ALL.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())) },
  ],
  [
    'with names in upper case',
    { lines: ALL.map((line) => line.replace(/^[^:]+/, (name) => name.toUpperCase())) },
  ],
  [
    'with no space before values and spaces behind',
    { lines: ALL.map((line) => `${line.replace(': ', ':')}  `) },
  ],
  ['with its lines in another order', { lines: [...ALL].reverse() }],
  ['with Connection: upgrade', replaced(CONNECTION, 'Connection: upgrade')],
  ['with Connection: keep-alive, Upgrade', replaced(CONNECTION, 'Connection: keep-alive, Upgrade')],
  ['with two Connection', replaced(CONNECTION, 'Connection: keep-alive', CONNECTION)],
  ['with Upgrade: WebSocket', replaced(UPGRADE, 'Upgrade: WebSocket')],
  ['with Upgrade: websocket, foo/2', replaced(UPGRADE, 'Upgrade: websocket, foo/2')],
  ['with Upgrade: h2c, websocket', replaced(UPGRADE, 'Upgrade: h2c, websocket')],
  ['with two Upgrade', replaced(UPGRADE, 'Upgrade: h2c', UPGRADE)],
  ['with an empty item in Upgrade', replaced(UPGRADE, 'Upgrade: ,websocket')],
  ['with an empty Host', replaced(HOST, 'Host:')],
  ['with Content-Length: 0', added('Content-Length: 0')],
  ['with an Origin', added('Origin: https://app.test')],
  [
    'with an offer of compression',
    added('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'),
  ],
  ['with extensions that are malformed', added('Sec-WebSocket-Extensions: ,;=')],
  ['with subprotocols in two lines', added('Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: plain.v1')],
  [
    'with the absolute form of RFC 9112 §3.2.2',
    { line: `GET http://bridge.test${PATH} HTTP/1.1`, lines: ALL },
  ],
  ['with a query', { line: `GET ${PATH}?a=b HTTP/1.1`, lines: ALL }],
])('an upgrade %s is admitted', async (_, request) => {
  expect(await statusOf(request)).toBe(101);
});

it.each<[string, number, Request]>([
  ['no Connection', 426, replaced(CONNECTION)],
  ['Connection: keep-alive', 426, replaced(CONNECTION, 'Connection: keep-alive')],
  ['Connection: upgraded', 426, replaced(CONNECTION, 'Connection: upgraded')],
  ['no Upgrade', 426, replaced(UPGRADE)],
  ['an empty Upgrade', 426, replaced(UPGRADE, 'Upgrade:')],
  ['Upgrade: h2c', 426, replaced(UPGRADE, 'Upgrade: h2c')],
  ['Upgrade: websocket/13', 426, replaced(UPGRADE, 'Upgrade: websocket/13')],
  ['Upgrade: websockets', 426, replaced(UPGRADE, 'Upgrade: websockets')],
  ['no version', 426, replaced(VERSION)],
  ['version 7', 426, replaced(VERSION, 'Sec-WebSocket-Version: 7')],
  ['version 8', 426, replaced(VERSION, 'Sec-WebSocket-Version: 8')],
  ['version 14', 426, replaced(VERSION, 'Sec-WebSocket-Version: 14')],
  ['version 013', 426, replaced(VERSION, 'Sec-WebSocket-Version: 013')],
  ['versions 13 and 8 in one line', 426, replaced(VERSION, 'Sec-WebSocket-Version: 13, 8')],
  ['two versions', 426, replaced(VERSION, VERSION, VERSION)],
  ['HTTP/1.0', 426, { line: `GET ${PATH} HTTP/1.0`, lines: ALL }],
  ['POST', 426, { line: `POST ${PATH} HTTP/1.1`, lines: ALL }],
  ['HEAD', 426, { line: `HEAD ${PATH} HTTP/1.1`, lines: ALL }],
  ['no key', 400, replaced(KEY)],
  ['an empty key', 400, replaced(KEY, 'Sec-WebSocket-Key:')],
  ['a key of 15 bytes', 400, replaced(KEY, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j')],
  ['a key of 17 bytes', 400, replaced(KEY, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZWU=')],
  ['a key without its padding', 400, replaced(KEY, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ')],
  ['a key in base64url', 400, replaced(KEY, 'Sec-WebSocket-Key: _-hlIHNhbXBsZSBub25jZQ==')],
  ['two keys', 400, replaced(KEY, KEY, KEY)],
  ['no Host', 400, replaced(HOST)],
  ['two Host', 400, replaced(HOST, HOST, HOST)],
  ['a body by its length', 400, added('Content-Length: 5')],
  ['a body in chunks', 400, added('Transfer-Encoding: chunked')],
  ['an empty subprotocol', 400, added('Sec-WebSocket-Protocol: a,,b')],
  ['a subprotocol twice', 400, added('Sec-WebSocket-Protocol: a, a')],
  ['a space before a colon', 400, added('X-Odd : 1')],
  ['a line that is folded', 400, added('X-Odd: 1', ' 2')],
  ['a line without a colon', 400, added('X-Odd')],
  ['a NUL in a value', 400, added('X-Odd: \0')],
  ['HTTP/3.7', 400, { line: `GET ${PATH} HTTP/3.7`, lines: ALL }],
  ['no version of HTTP', 426, { line: `GET ${PATH}`, lines: ALL }],
])('an upgrade with %s is refused with %i', async (_, status, request) => {
  expect(await statusOf(request)).toBe(status);
});

it("an upgrade with a tab behind Connection: Upgrade is admitted, but for Node 20's parser, which reads it as part of the value", async () => {
  const status = process.version.startsWith('v20.') ? 426 : 101;
  expect(await statusOf(replaced(CONNECTION, `${CONNECTION}\t`))).toBe(status);
});

it('frames that come in one segment with the handshake are read', async () => {
  const caller = Object.entries(await headersFor({ tenant: 'acme', user: 'alice' }));
  const lines = [`GET ${PATH} HTTP/1.1`, ...ALL, ...caller.map(([name, value]) => `${name}: ${value}`)];
  const closing = closeFrame(1000).toString('latin1');
  const socket = await openRaw(Number(new URL(bridge.url).port), [...lines, `X-Last: 1\r\n\r\n${closing}`]);
  let bytes = '';
  socket.on('data', (chunk: Buffer) => (bytes += chunk.toString('latin1')));
  await once(socket, 'end');
  expect(bytes.split('\r\n\r\n')[1]).toBe('\x88\x02\x03\xe8');
});
