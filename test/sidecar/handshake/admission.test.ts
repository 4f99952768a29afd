import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { askUpgrade, headersFor, SECRET, startBridge, type TestBridge } from '../fixture';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { signAssertion, type AssertedCaller } from '../../../protocol/assertion';
import { importSecret, parsePrivateKey } from '../../../protocol/keys';

const ALICE = { tenant: 'acme', user: 'alice', roles: ['analyst', 'admin'] };
const PATH = '/ws/notifications';

let redis: RedisServer;
let bridge: TestBridge;
let nowMs = Math.floor(Date.now() / 1000) * 1000;

beforeAll(async () => {
  redis = await startRedis();
  bridge = await startBridge(redis.url, { BRIDGE_MAX_SEEN_ASSERTIONS: '50' }, () => nowMs);
});
beforeEach(() => {
  // Assertions that were seen before have ended by now, so that each test has room for its own.
  nowMs += 60_000;
});
afterAll(async () => {
  await bridge.bridge.close();
  await redis.stop();
});

type Headers = Record<string, string | readonly string[]>;

async function ask(change: (headers: Record<string, string>) => Headers, path = PATH) {
  return askUpgrade(`${bridge.url}${path}`, change(await headersFor(ALICE, nowMs)));
}

function without(headers: Record<string, string>, name: string): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
}

const UNAUTHORIZED = {
  status: 401,
  headers: {
    'www-authenticate': 'Bearer realm="ws-bridge"',
    'content-type': 'application/json',
    connection: 'close',
  },
};

describe('an upgrade', () => {
  it('is admitted when the assertion verifies and the plain headers agree with it', async () => {
    expect(await ask((headers) => headers)).toMatchObject({ status: 101 });
  });

  it('is admitted with white space around the headers, which HTTP does not count', async () => {
    const answer = await ask((headers) => ({ ...headers, 'X-Tenant-ID': '  acme\t' }));
    expect(answer).toMatchObject({ status: 101 });
  });

  it('is admitted without a roles header when there are no roles', async () => {
    const headers = await headersFor({ tenant: 'acme', user: 'alice' }, nowMs);
    expect(await askUpgrade(`${bridge.url}${PATH}`, without(headers, 'X-User-Roles'))).toMatchObject({
      status: 101,
    });
  });

  it.each(['X-Tenant-ID', 'X-User-ID', 'X-User-Roles', 'X-Request-ID', 'X-Gateway-Assertion'])(
    'without %s is refused with 401',
    async (name) => {
      expect(await ask((headers) => without(headers, name))).toMatchObject(UNAUTHORIZED);
    },
  );

  it.each([
    ['X-Tenant-ID', 'other'],
    ['X-Tenant-ID', 'ACME'],
    ['X-Tenant-ID', ''],
    ['X-User-ID', 'root'],
    ['X-User-Roles', 'analyst,admin,owner'],
    ['X-User-Roles', 'admin,analyst'],
    ['X-User-Roles', ''],
    ['X-Request-ID', 'forged'],
  ])('with a forged %s: %j is refused with 401', async (name, value) => {
    const answer = await ask((headers) => ({ ...headers, [name]: value }));
    expect(answer).toMatchObject(UNAUTHORIZED);
    expect(answer.body).toBe(`{"message":"expected one ${name} that agrees with the assertion"}`);
  });

  it.each(['X-Tenant-ID', 'X-User-ID', 'X-User-Roles', 'X-Request-ID', 'X-Gateway-Assertion'])(
    'with %s twice is refused with 401, even when both are right',
    async (name) => {
      const answer = await ask((headers) => ({
        ...headers,
        [name]: [headers[name] ?? '', headers[name] ?? ''],
      }));
      expect(answer).toMatchObject(UNAUTHORIZED);
    },
  );

  it('with an assertion that was used before is refused with 401', async () => {
    const headers = await headersFor(ALICE, nowMs);
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({ status: 101 });
    const replayed = await askUpgrade(`${bridge.url}${PATH}`, headers);
    expect(replayed).toMatchObject({ ...UNAUTHORIZED, body: '{"message":"the assertion was used before"}' });
    // Also at the very end of its life, clock tolerance included.
    nowMs += 34_900;
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({
      body: '{"message":"the assertion was used before"}',
    });
    nowMs += 200;
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({
      ...UNAUTHORIZED,
      body: '{"message":"the assertion has expired"}',
    });
  });

  it('that is refused for its plain headers does not use the assertion up', async () => {
    const headers = await headersFor(ALICE, nowMs);
    const forged = { ...headers, 'X-Tenant-ID': 'other' };
    expect(await askUpgrade(`${bridge.url}${PATH}`, forged)).toMatchObject({ status: 401 });
    expect(await askUpgrade(`${bridge.url}${PATH}`, headers)).toMatchObject({ status: 101 });
  });

  it('is refused with 503 when there is no room to remember its assertion', async () => {
    for (let count = 0; count < 50; count += 1) await ask((headers) => headers);
    expect(await ask((headers) => headers)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  });

  it.each([
    ['of another secret', 'x'.repeat(32)],
    ['of nothing at all', undefined],
  ])('with an assertion %s is refused with 401', async (_, secret) => {
    const headers = await headersFor(ALICE, nowMs);
    const caller: AssertedCaller = {
      identity: { tenantId: 'acme', userId: 'alice', roles: ALICE.roles },
      requestId: headers['X-Request-ID'] ?? '',
      tokenJti: undefined,
      tokenExp: nowMs,
      path: PATH,
    };
    const assertion =
      secret === undefined
        ? 'e30.e30.e30'
        : await signAssertion(caller, await importSecret(secret, 'HS256'), nowMs / 1000, randomUUID());
    const answer = await askUpgrade(`${bridge.url}${PATH}`, { ...headers, 'X-Gateway-Assertion': assertion });
    expect(answer).toMatchObject(UNAUTHORIZED);
    expect(answer.body).not.toContain(assertion);
  });

  it.each([
    ['/', 404],
    ['/ws/ai/chat/x', 404],
    ['/ws/collaboration/%FF', 400],
    [`/ws/collaboration/${'x'.repeat(257)}`, 404],
    ['/ws/ai/chat?session=a%3Ab', 400],
    ['/ws/ai/chat?session=', 400],
    ['/ws/ai/chat?session=a&session=a', 400],
    [`/ws/ai/chat?session=${'x'.repeat(129)}`, 400],
  ])('to %s is refused with %i', async (path, status) => {
    const answer = await ask((headers) => headers, path);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toEqual({ message: expect.any(String) as string });
    expect(answer.headers['content-length']).toBe(`${answer.body.length}`);
  });

  it.each<[string, Headers, number]>([
    ['another protocol', { Upgrade: 'h2c' }, 426],
    ['another version', { 'Sec-WebSocket-Version': '12' }, 426],
    ['no key', { 'Sec-WebSocket-Key': '' }, 400],
    ['a short key', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }, 400],
  ])('with %s is refused before anything else', async (_, change, status) => {
    const answer = await ask((headers) => ({ ...headers, ...change }));
    expect(answer.status).toBe(status);
  });

  it('selects no subprotocol but bridge.v1', async () => {
    const answer = await ask((headers) => ({ ...headers, 'Sec-WebSocket-Protocol': 'bridge.v2, x' }));
    expect(answer.status).toBe(101);
    expect(answer.headers).not.toHaveProperty('sec-websocket-protocol');
  });
});

describe('a plain request', () => {
  it.each([
    [PATH, 'GET', 426],
    [PATH, 'PUT', 426],
    // It may be a message, and nobody vouches for it.
    [PATH, 'POST', 401],
    ['/', 'GET', 404],
    ['/metrics', 'GET', 404],
  ])('to %s with %s is answered %i', async (path, method, status) => {
    const response = await fetch(`${bridge.url.replace('ws', 'http')}${path}`, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('upgrade')).toBe(status === 426 ? 'websocket' : null);
    expect(await response.json()).toEqual({ message: expect.any(String) as string });
  });

  it('that is garbage leaves the bridge alive', async () => {
    const port = Number(new URL(bridge.url).port);
    const socket = connectTcp(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write('\x16\x03\x01 garbage\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(await ask((headers) => headers)).toMatchObject({ status: 101 });
  });
});

describe('keys', () => {
  it('can be a public key, and secrets while they are rotated', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = (key: typeof pair.publicKey, type: 'spki' | 'pkcs8') =>
      key.export({ type, format: 'pem' } as never);
    const rotated = await startBridge(redis.url, {
      BRIDGE_ASSERTION_SECRET: 'n'.repeat(32),
      BRIDGE_ASSERTION_SECRET_PREVIOUS: SECRET,
      BRIDGE_ASSERTION_PUBLIC_KEY: pem(pair.publicKey, 'spki') as unknown as string,
    });
    const keys = [
      parsePrivateKey(pem(pair.privateKey, 'pkcs8') as unknown as string),
      await importSecret('n'.repeat(32), 'HS256'),
      await importSecret(SECRET, 'HS256'),
    ];
    for (const key of keys) {
      const headers = await headersFor(ALICE);
      const { tenant: tenantId, user: userId, roles } = ALICE;
      const caller: AssertedCaller = {
        identity: { tenantId, userId, roles },
        requestId: headers['X-Request-ID'] ?? '',
        tokenJti: 'j',
        tokenExp: 4e9,
        path: PATH,
      };
      headers['X-Gateway-Assertion'] = await signAssertion(caller, key, Date.now() / 1000, randomUUID());
      expect(await askUpgrade(`${rotated.url}${PATH}`, headers)).toMatchObject({ status: 101 });
    }
    await rotated.bridge.close();
  });
});

describe('an upgrade, in the log,', () => {
  it('is one line that says who and what came of it, and holds no secret', async () => {
    const headers = await headersFor(ALICE, nowMs);
    const from = bridge.logLines.length;
    const secrets = { Cookie: 'sid=hunter2', Authorization: 'Bearer hunter2', 'X-Kong-Request-Id': 'kong-1' };
    await askUpgrade(`${bridge.url}/ws/ai/chat?session=s1&token=hunter2`, { ...headers, ...secrets });
    await askUpgrade(`${bridge.url}/ws/ai/chat?session=s1&token=hunter2`, { ...headers, ...secrets });
    const lines = bridge.logLines.slice(from).map((line) => JSON.parse(line) as Record<string, unknown>);
    const upgrades = lines.filter((line) => line['msg'] === 'upgrade');
    const common = {
      route: 'ai-chat',
      requestId: headers['X-Request-ID'],
      kongRequestId: 'kong-1',
      tenant: 'acme',
      user: 'alice',
    };
    expect(upgrades).toEqual([
      expect.objectContaining({ ...common, outcome: 'admitted', status: 101 }),
      expect.objectContaining({ ...common, outcome: 'unauthorized', status: 401 }),
    ]);
    const text = bridge.logLines.join('');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(headers['X-Gateway-Assertion']);
  });
});
