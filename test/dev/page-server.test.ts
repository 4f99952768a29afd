import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { decodeJwt } from 'jose';
import { demoActions } from '../../dev/demo/actions';
import { issueToken } from '../../dev/issue-token';
import { PageServer } from '../../dev/page-server';
import { eventually } from '../sidecar/fixture';
import { startRedis, type RedisServer } from '../fakes/redis-server';

const HOST = '127.0.0.1:8000';
const SECRET = 'a secret of this test, at least 32 bytes';
const NOW_SECONDS = 1_800_000_000;

let folder: string;
let redisServer: RedisServer;
let redis: Redis;
let subscriber: Redis;
let server: PageServer;
const done: string[] = [];
const heard: [channel: string, message: string][] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'page-'));
  for (const name of ['index.html', 'main.js', 'style.css', 'icon.svg'])
    writeFileSync(join(folder, name), name);
  redisServer = await startRedis();
  [redis, subscriber] = [new Redis(redisServer.url), new Redis(redisServer.url)];
  subscriber.on('pmessage', (_, channel: string, message: string) => heard.push([channel, message]));
  await subscriber.psubscribe('*');
  const actions = demoActions({
    redis,
    line: { cut: (id) => done.push(`cut ${id}`) },
    jwtSecret: SECRET,
    restartBridge: () => Promise.resolve(void done.push('restart')),
    killBridge: () => Promise.resolve(void done.push('kill')),
    now: () => NOW_SECONDS * 1000,
  });
  server = await PageServer.start({ folder, hosts: [HOST], actions });
});
afterAll(async () => {
  redis.disconnect();
  subscriber.disconnect();
  await server.close();
  await redisServer.stop();
  rmSync(folder, { recursive: true });
});

interface Options {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function ask(path: string, { method = 'GET', headers = {}, body = '' }: Options = {}) {
  return new Promise<{ status: number; type: string | undefined; policy: unknown; body: string }>(
    (resolve, reject) => {
      const outgoing = request({
        ...{ host: '127.0.0.1', port: server.port, path, method },
        headers: { Host: HOST, ...headers },
      });
      outgoing.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'],
            policy: response.headers['content-security-policy'],
            body: text,
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    },
  );
}

const PAGE = { Origin: `http://${HOST}`, 'Content-Type': 'application/json' };

function press(path: string, input: unknown, headers: Readonly<Record<string, string>> = PAGE) {
  return ask(path, { method: 'POST', headers, body: JSON.stringify(input) });
}

describe('the server of the demo page', () => {
  it.each([
    ['/', 'index.html', 'text/html; charset=utf-8'],
    ['/?tenant=acme', 'index.html', 'text/html; charset=utf-8'],
    ['/demo/main.js', 'main.js', 'text/javascript; charset=utf-8'],
    ['/demo/style.css', 'style.css', 'text/css; charset=utf-8'],
    ['/demo/icon.svg', 'icon.svg', 'image/svg+xml'],
  ])('serves %s', async (path, body, type) => {
    const answer = await ask(path);
    expect(answer).toMatchObject({ status: 200, body, type });
    expect(answer.policy).toMatch(/^default-src 'self'; connect-src 'self' ws:\/\/127\.0\.0\.1:8000 /);
  });

  it.each(['/demo/', '/demo/../kong.yml', '/main.js', '/demo/page'])('serves nothing at %s', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 404 });
  });

  it.each(['evil.example', 'evil.example:8000', '127.0.0.1', '127.0.0.1:8000.evil.example'])(
    'is not there for a page of %s that had its name lead here',
    async (host) => {
      expect(await ask('/demo/token?tenant=acme&user=ana', { headers: { Host: host } })).toMatchObject({
        status: 403,
      });
    },
  );

  it.each([
    ['no Origin', { 'Content-Type': 'application/json' }, 403],
    ['another Origin', { ...PAGE, Origin: 'http://evil.example' }, 403],
    ['an opaque Origin', { ...PAGE, Origin: 'null' }, 403],
    ['what a form can send', { ...PAGE, 'Content-Type': 'text/plain' }, 415],
  ])('presses no button for a request with %s', async (_, headers, status) => {
    expect(await press('/demo/restart-bridge', {}, headers)).toMatchObject({ status });
    expect(await press('/demo/drop', { line: 'x' }, headers)).toMatchObject({ status });
    expect(done).toEqual([]);
  });

  it('takes each request by its own method only', async () => {
    expect(await ask('/demo/restart-bridge')).toMatchObject({ status: 405 });
    expect(await press('/demo/token', { tenant: 'acme', user: 'ana' })).toMatchObject({ status: 405 });
    expect(await press('/', {})).toMatchObject({ status: 405 });
    expect(done).toEqual([]);
  });

  it.each([
    ['/demo/drop', {}],
    ['/demo/drop', { line: 'a b' }],
    ['/demo/expire', { token: 'not a token' }],
    ['/demo/notify', { tenant: 'acme' }],
    ['/demo/notify', { tenant: 'acme', text: 'x', channel: 'ws:control' }],
  ])('says what is wrong with %s %j', async (path, input) => {
    const { status, body } = await press(path, input);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toEqual({ message: expect.any(String) });
  });

  it('takes no endless body, and no JSON that is none', async () => {
    const send = (body: string) => ask('/demo/notify', { method: 'POST', headers: PAGE, body });
    expect(await send('x'.repeat(8_193))).toMatchObject({ status: 413 });
    expect(await send('{')).toMatchObject({ status: 400 });
  });

  it('issues tokens as the platform does', async () => {
    const { status, body } = await ask('/demo/token?tenant=acme&user=ana');
    expect(status).toBe(200);
    expect(decodeJwt(body)).toMatchObject({
      ...{ tenant_id: 'acme', sub: 'ana', type: 'access', tier: 'enterprise' },
      exp: NOW_SECONDS + 900,
    });
  });

  it('cuts a line, restarts the bridge and kills it', async () => {
    expect(await press('/demo/drop', { line: 'a-1' })).toMatchObject({ status: 204 });
    expect(await press('/demo/restart-bridge', {})).toMatchObject({ status: 204 });
    expect(await press('/demo/kill-bridge', {})).toMatchObject({ status: 204 });
    expect(done).toEqual(['cut a-1', 'restart', 'kill']);
  });

  it('revokes a token for every bridge and for the gatekeeper, for as long as it would be good', async () => {
    const whom = { tenant: 'acme', user: 'ana', roles: [], ttlSeconds: 60 };
    const token = await issueToken(whom, SECRET, NOW_SECONDS);
    const { jti = '' } = decodeJwt(token);
    expect(await press('/demo/expire', { token })).toMatchObject({ status: 204 });
    expect(await redis.get(`blacklist:${jti}`)).toBe('1');
    expect(await redis.ttl(`blacklist:${jti}`)).toBeGreaterThan(50);
    await eventually(() => heard.length === 1);
    expect(heard.splice(0)).toEqual([['ws:control', JSON.stringify({ type: 'revoke', jti })]]);
  });

  it('notifies a user or a whole tenant, each of its own channel', async () => {
    await press('/demo/notify', { tenant: 'a:b', user: 'ana', text: 'hi' });
    await press('/demo/notify', { tenant: 'a:b', text: 'all' });
    await eventually(() => heard.length === 2);
    expect(heard.splice(0)).toEqual([
      ['a%3Ab:notifications:ana', '{"type":"notification","data":{"text":"hi","to":"user"}}'],
      ['a%3Ab:notifications', '{"type":"notification","data":{"text":"all","to":"everyone"}}'],
    ]);
  });
});
