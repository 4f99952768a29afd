import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { eventually, HANDSHAKE, headersFor, startBridge, type TestBridge } from '../fixture';

const PATH = '/ws/notifications';

let redis: RedisServer;
let bridge: TestBridge;

beforeAll(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url, { BRIDGE_HANDSHAKE_TIMEOUT_MS: '3000' });
});
afterAll(async () => {
  await bridge.bridge.close();
  await redis.stop();
});

/** Sends bytes and resolves with the status of the answer. */
async function statusOf(bytes: string): Promise<number> {
  const socket = connectTcp(Number(new URL(bridge.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(bytes, 'latin1');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer.toString('latin1'))?.[1]);
}

/** An upgrade that would be admitted, with these changes; undefined leaves a header out. */
async function upgradeText(
  changes: Readonly<Record<string, string | undefined>>,
  line = `GET ${PATH} HTTP/1.1`,
): Promise<string> {
  const caller = await headersFor({ tenant: 'acme', user: 'alice' });
  const fields: Record<string, string | undefined> = { Host: 'bridge', ...HANDSHAKE, ...caller, ...changes };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return [line, ...lines, '', ''].join('\r\n');
}

async function count(outcome: string): Promise<number> {
  const text = await (await fetch(`${bridge.adminUrl}/metrics`)).text();
  const lines = text.matchAll(/^ws_bridge_upgrades_total\{(.*)\} (\d+)$/gm);
  let sum = 0;
  for (const [, labels = '', value] of lines) {
    if (labels.includes(`outcome="${outcome}"`)) sum += Number(value);
  }
  return sum;
}

function linesOf(outcome: string): unknown[] {
  const lines = bridge.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.filter((line) => line['msg'] === 'upgrade' && line['outcome'] === outcome);
}

/** A refused request has one line, and counts once. */
async function expectRefused(bytes: string, status: number, outcome: string): Promise<void> {
  const [counted, logged] = [await count(outcome), linesOf(outcome).length];
  expect(await statusOf(bytes)).toBe(status);
  await eventually(() => linesOf(outcome).length > logged);
  expect(linesOf(outcome)).toHaveLength(logged + 1);
  expect(linesOf(outcome).at(-1)).toMatchObject({ status, level: 30 });
  expect(await count(outcome)).toBe(counted + 1);
}

describe('what Node or ws would refuse by themselves has one line and counts once:', () => {
  it('headers larger than BRIDGE_MAX_HEADER_BYTES', async () => {
    await expectRefused(await upgradeText({ 'X-Large': 'x'.repeat(65_536) }), 431, 'headers_too_large');
  });

  it.each([
    ['what is no HTTP', 'hello\r\n\r\n', 400],
    ['two lengths', `GET ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    ['CONNECT', 'CONNECT bridge:443 HTTP/1.1\r\nHost: bridge\r\n\r\n', 405],
    ['an expectation that nobody can meet', `GET ${PATH} HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n`, 417],
  ])('%s', async (_, bytes, status) => {
    await expectRefused(bytes, status, 'bad_request');
  });

  it('a request that is not there in time', async () => {
    await expectRefused(`GET ${PATH} HTTP/1.1\r\nHost:`, 408, 'request_timeout');
  });

  it.each<[string, Readonly<Record<string, string | undefined>>]>([
    ['no Host', { Host: undefined }],
    ['an empty list of subprotocols', { 'Sec-WebSocket-Protocol': '' }],
    ['a subprotocol twice', { 'Sec-WebSocket-Protocol': 'bridge.v1, bridge.v1' }],
    ['a list of subprotocols that ends in a comma', { 'Sec-WebSocket-Protocol': 'bridge.v1,' }],
    ['what is no subprotocol', { 'Sec-WebSocket-Protocol': 'a b' }],
    ['content, which would be read as frames', { 'Content-Length': '5' }],
    ['chunked content', { 'Transfer-Encoding': 'chunked' }],
  ])('an upgrade with %s', async (_, changes) => {
    await expectRefused(await upgradeText(changes), 400, 'bad_request');
  });

  it('an upgrade of HTTP/1.0, whose Upgrade is to be ignored (RFC 9110 §7.8)', async () => {
    await expectRefused(await upgradeText({}, `GET ${PATH} HTTP/1.0`), 426, 'upgrade_required');
    await expectRefused(await upgradeText({ Via: '1.1 edge, 1.0 kong/3.9.3' }), 426, 'upgrade_required');
    expect(await statusOf(await upgradeText({ Via: '1.0 edge, 1.1 kong/3.9.3' }))).toBe(101);
  });
});

describe('a bridge takes what Kong lets through:', () => {
  it('32 KiB of headers from the client, and what Kong and the gatekeeper add', async () => {
    const cookies = { Cookie: 'c'.repeat(8000), 'X-A': 'a'.repeat(8000), 'X-B': 'b'.repeat(8000) };
    const more = {
      'X-C': 'c'.repeat(8000),
      'X-Forwarded-Path': `/${'p'.repeat(8000)}`,
      'X-Roles': 'r'.repeat(8000),
    };
    expect(await statusOf(await upgradeText({ ...cookies, ...more }))).toBe(101);
  });

  it('more headers than the 2,000 of which Node leaves out the rest', async () => {
    const many = Array.from({ length: 2100 }, (_, i) => `h${i}:`);
    const text = await upgradeText({});
    expect(await statusOf(text.replace('Host: bridge', ['Host: bridge', ...many].join('\r\n')))).toBe(101);
  });

  it('Content-Length: 0, Expect: 100-continue, and subprotocols that it does not know', async () => {
    const text = await upgradeText({
      'Content-Length': '0',
      Expect: '100-continue',
      'Sec-WebSocket-Protocol': 'json ,\tbridge.v1',
    });
    expect(await statusOf(text)).toBe(101);
  });
});

it('a client that leaves in the middle of its request is no refusal, and leaves nothing behind', async () => {
  const socket = connectTcp(Number(new URL(bridge.url).port), '127.0.0.1');
  await once(socket, 'connect');
  const refused = await count('bad_request');
  socket.end(`GET ${PATH} HTTP/1.1\r\nHo`);
  await once(socket, 'close');
  await eventually(() => bridge.bridge.openState().connections === 0);
  expect(await count('bad_request')).toBe(refused);
  expect(bridge.bridge.openState()).toMatchObject({ connections: 0, undecidedUpgrades: 0 });
});
