import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { once } from 'node:events';
import { token } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

/** The status of a request whose head has exactly these lines. */
async function statusOf(lines: readonly string[]): Promise<number> {
  const { hostname, port } = new URL(stack.url);
  const socket = connect(Number(port), hostname);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(chunk.toString('latin1').split(' ')[1]);
}

const HOST = 'Host: gateway.test';
const HANDSHAKE = [
  ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `X-${n}: ${n}`);
const bearer = async (): Promise<string> => `Authorization: Bearer ${await token()}`;
const PATH = '/ws/bi/dashboards/d1';

describe('a gateway refuses by itself, whatever token comes with it', () => {
  it.each([
    ['a path with an escape that is none', `${PATH}%zz`, [HOST], 400],
    ['a path with a zero byte', `${PATH}%00`, [HOST], 400],
    ['a path that leads above the root', `/..${PATH}`, [HOST], 400],
    ['a path that leads above the root by escapes', `/a%2f%2e%2e/%2e%2e${PATH}`, [HOST], 400],
    ['a path that is no UTF-8', `${PATH}%ff`, [HOST], 404],
    ['no Host', PATH, [], 400],
    ['an empty Host', PATH, ['Host: '], 400],
    ['a Host that is none', PATH, ['Host: a/b'], 400],
    ['two Hosts', PATH, [HOST, HOST], 400],
    ['more than a thousand header lines', PATH, [HOST, ...many(1001)], 400],
    [
      'header lines that do not fit four buffers',
      PATH,
      [HOST, ...many(5).map((l) => l + 'x'.repeat(6000))],
      400,
    ],
  ])('%s', async (_, path, headers, status) => {
    expect(await statusOf([`GET ${path} HTTP/1.1`, ...headers, ...HANDSHAKE, await bearer()])).toBe(status);
  });

  it('the same token in two lines', async () => {
    const line = await bearer();
    expect(await statusOf([`GET ${PATH} HTTP/1.1`, HOST, ...HANDSHAKE, line, line])).toBe(400);
  });

  it('TRACE', async () => {
    expect(await statusOf([`TRACE ${PATH} HTTP/1.1`, HOST, await bearer()])).toBe(405);
  });
});

describe('an upgrade is one by the first line of Upgrade, among the first hundred lines', () => {
  it.each([
    ['the first of two', [...HANDSHAKE, 'Upgrade: h2c'], 101],
    ['not the second of two', ['Upgrade: h2c', ...HANDSHAKE], 426],
    ['not one of a list', ['Connection: Upgrade', 'Upgrade: websocket, h2c'], 426],
    ['behind ninety others', [...many(90), ...HANDSHAKE], 101],
    ['behind a hundred others, which is refused', [...many(100), ...HANDSHAKE], 431],
  ])('%s', async (_, headers, status) => {
    expect(await statusOf([`GET ${PATH} HTTP/1.1`, HOST, await bearer(), ...headers])).toBe(status);
  });
});

it('an upgrade of HTTP/1.0 is refused: the bridge knows it by Via', async () => {
  const head = [...HANDSHAKE, await bearer()];
  expect(await statusOf([`GET ${PATH} HTTP/1.0`, HOST, ...head])).toBe(426);
  expect(await statusOf([`GET ${PATH} HTTP/1.0`, ...head])).toBe(426);
});
