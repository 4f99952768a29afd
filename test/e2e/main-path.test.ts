import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { open, refused, token, type Client } from './client';
import type { Stack } from './stack';
import { startStack } from './start-stack';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ config: { rate_limits: [] } });
}, 180_000);
afterAll(async () => {
  await stack.stop();
}, 60_000);

const clients: Client[] = [];
async function connect(
  path: string,
  claims: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Client> {
  const client = await open(stack, path, await token(claims), { headers });
  clients.push(client);
  return client;
}
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
});

describe('an AI chat', () => {
  const answer = [
    '{"type": "token", "data": {"token": "Revenue", "index": 0}}',
    '{"type": "complete", "data": {"sql": "SELECT ...", "chartConfig": {"type": "bar"}}}',
    '{"type": "error", "data": {"code": "QUERY_FAILED", "message": "..."}}',
  ];

  it('takes a command to the stream and brings the tokens of its answer', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const client = await connect('/ws/ai/chat', {}, { traceparent });
    client.send('{"type":"message","id":"c1","data":{"text":"How was revenue?"}}');
    const reply = await stack.redis.xread('BLOCK', 10_000, 'STREAMS', 'ai:commands', '0');
    const fields = reply?.[0]?.[1][0]?.[1] ?? [];
    const entry = Object.fromEntries(
      fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : [])),
    );
    expect(entry).toMatchObject({ tenant: 'acme', user: 'u1', type: 'message', id: 'c1' });
    expect(JSON.parse(String(entry['data']))).toEqual({ text: 'How was revenue?' });
    expect(Number(entry['time'])).toBeGreaterThan(Date.now() - 60_000);
    expect(entry['request_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(entry['traceparent']).toBe(traceparent);

    for (const frame of answer) await stack.redis.publish(`ai:stream:${String(entry['session'])}`, frame);
    for (const frame of answer) expect(await client.text()).toBe(frame);
  });

  it.each([
    ['text', Buffer.from(answer.join('\n')), false],
    ['UTF-8 in four bytes', Buffer.from('🗼𝄞👩‍👩‍👧‍👦'), false],
    ['1 MiB of text', Buffer.alloc(1024 * 1024, 'x'), false],
    ['1 MiB of anything', randomBytes(1024 * 1024), true],
    ['nothing', Buffer.alloc(0), false],
  ])('brings %s byte for byte', async (what, bytes, isBinary) => {
    const session = `bytes-${what.replace(/\W/g, '-')}`;
    const client = await connect(`/ws/ai/chat?session=${session}`);
    expect(await stack.redis.publish(`ai:stream:${session}`, bytes)).toBe(1);
    const message = await client.message();
    expect(message.isBinary).toBe(isBinary);
    expect(message.data.equals(bytes)).toBe(true);
  });

  it('belongs to the user who opened it first: anybody else gets 403', async () => {
    await connect('/ws/ai/chat?session=mine');
    await connect('/ws/ai/chat?session=mine');
    for (const claims of [{ sub: 'u2' }, { tenant_id: 'other' }]) {
      const { status } = await refused(stack, '/ws/ai/chat?session=mine', await token(claims));
      expect(status).toBe(403);
    }
  });
});

describe('a dashboard and notifications', () => {
  it("bring the tenant's frames to its own clients only", async () => {
    const ours = [await connect('/ws/bi/dashboards/d1'), await connect('/ws/notifications')];
    const theirs = [
      await connect('/ws/bi/dashboards/d1', { tenant_id: 'other' }),
      await connect('/ws/notifications', { tenant_id: 'other' }),
    ];
    await stack.redis.publish('acme:dashboard:refresh:d1', '{"rev":1}');
    await stack.redis.publish('acme:notifications', '{"all":1}');
    await stack.redis.publish('acme:notifications:u1', '{"me":1}');
    expect(await ours[0]?.text()).toBe('{"rev":1}');
    expect([await ours[1]?.text(), await ours[1]?.text()]).toEqual(['{"all":1}', '{"me":1}']);
    await Promise.all(theirs.map((client) => client.roundTrip()));
    expect(theirs.map((client) => client.unread)).toEqual([0, 0]);
  });

  it('say that they take no messages', async () => {
    const client = await connect('/ws/notifications');
    client.send('{"type":"message"}');
    expect(JSON.parse(await client.text())).toMatchObject({ type: 'error', data: { code: 'READ_ONLY' } });
  });
});

describe('a document', () => {
  it('relays text and binary to every other peer and never back', async () => {
    const [ada, ben] = [
      await connect('/ws/collaboration/doc'),
      await connect('/ws/collaboration/doc', { sub: 'u2' }),
    ];
    ada.send('hello');
    ada.send(Buffer.from([0, 255, 1]));
    expect(await ben.message()).toEqual({ data: Buffer.from('hello'), isBinary: false });
    expect(await ben.message()).toEqual({ data: Buffer.from([0, 255, 1]), isBinary: true });
    ben.send('back');
    expect(await ada.text()).toBe('back');
    expect(ben.unread).toBe(0);
  });
});

describe('an upgrade', () => {
  it('is refused by the gateway with 401 and a challenge without a good token', async () => {
    const none = await refused(stack, '/ws/notifications');
    expect(none).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="ws-gatekeeper"' },
    });
    expect(JSON.parse(none.body)).toEqual({ message: 'No bearer token was presented' });
    const refresh = await refused(stack, '/ws/notifications', await token({ type: 'refresh' }));
    expect(refresh).toMatchObject({ status: 401 });
    expect(refresh.headers['www-authenticate']).toContain('error="invalid_token"');
    expect(refresh.headers['content-type']).toContain('application/json');
  });

  it('is refused with 403 when the token names no tenant', async () => {
    expect((await refused(stack, '/ws/notifications', await token({ tenant_id: null }))).status).toBe(403);
  });

  it('is refused once the token was revoked', async () => {
    const bearer = await token({ jti: 'stolen' });
    await (await open(stack, '/ws/notifications', bearer)).close();
    await stack.redis.set('blacklist:stolen', '1', 'EX', 900);
    const { status, body } = await refused(stack, '/ws/notifications', bearer);
    expect({ status, body }).toEqual({ status: 401, body: '{"message":"The token was revoked"}' });
  });

  it('is what a WebSocket route wants: 426 for a plain request', async () => {
    const response = await fetch(`${stack.url.replace('ws:', 'http:')}/ws/notifications`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
  });

  it('never brings forged identity headers to the bridge', async () => {
    const headers = {
      'X-Tenant-ID': 'victim',
      'X-User-ID': 'root',
      'X-User-Roles': 'admin',
      'X-Gateway-Assertion': 'forged',
      'x-tenant-id': 'victim',
    };
    const client = await open(stack, '/ws/notifications', await token(), { headers });
    clients.push(client);
    await stack.redis.publish('victim:notifications', 'not for you');
    await stack.redis.publish('acme:notifications', 'for you');
    expect(await client.text()).toBe('for you');
    expect((await refused(stack, '/ws/notifications', undefined, { headers })).status).toBe(401);
    // Nothing of the client's is left standing where the token says nothing.
    const noRoles = await open(stack, '/ws/notifications', await token({ roles: [] }), { headers });
    clients.push(noRoles);
  });

  it('tells the bridge a tenant and a user beyond ASCII', async () => {
    const client = await connect('/ws/notifications', { tenant_id: 'Zürich: 東京', sub: 'ä b' });
    const channel = 'Z%C3%BCrich%3A%20%E6%9D%B1%E4%BA%AC:notifications:%C3%A4%20b';
    expect(await stack.redis.publish(channel, 'ok')).toBe(1);
    expect(await client.text()).toBe('ok');
  });

  it('leaves no token, assertion or secret in any log', async () => {
    const bearer = await token();
    await (await open(stack, '/ws/notifications', bearer)).close();
    await refused(stack, '/ws/notifications', `${bearer}x`);
    expect(await stack.logs()).not.toMatch(/eyJ|Bearer|end-to-end/);
  });
});
