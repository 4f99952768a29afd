import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuthorizationServer } from '../../fakes/authorization-server';
import { KongClient } from '../../fakes/kong-client';
import { KongWorker } from '../../fakes/kong-worker';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { rawConfig, signToken } from '../fixture';

let folder: string;
let path: string;
let redis: RedisServer;
let gatekeeper: ChildProcess;
let adminPort: number;
const logged: string[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  path = join(folder, 'gk.sock');
  redis = await startRedis();
  const bin = join(__dirname, '../../../dist/plugin/bin/ws-gatekeeper.js');
  gatekeeper = spawn(process.execPath, [bin, '--socket', path, '--admin-port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, GATEKEEPER_LOG_LEVEL: 'info' },
  });
  adminPort = await new Promise((resolve, reject) => {
    if (gatekeeper.stdout === null) throw new Error('no stdout');
    createInterface({ input: gatekeeper.stdout }).on('line', (line) => {
      if (logged.length < 100_000) logged.push(line);
      if (line.includes('"listening"')) resolve((JSON.parse(line) as { adminPort: number }).adminPort);
    });
    gatekeeper.once('exit', (code) => {
      reject(new Error(`the gatekeeper ended with ${code ?? 'a signal'}`));
    });
  });
});
afterAll(async () => {
  const ended = once(gatekeeper, 'exit');
  gatekeeper.kill('SIGTERM');
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`the gatekeeper ended with ${code ?? 'a signal'}`);
  await redis.stop();
  rmSync(folder, { recursive: true });
});

// Nothing here is about a slow Redis, and this machine may be slow.
const worker = (changes: Record<string, unknown> = {}) =>
  new KongWorker(
    path,
    rawConfig({
      redis: { ...(rawConfig()['redis'] as object), url: redis.url, timeout: 10_000 },
      decision_timeout: 30_000,
      ...changes,
    }),
  );

// Real time here: the gatekeeper is a process of its own.
const now = Math.floor(Date.now() / 1000);
const upgrade = (token?: string) => ({
  connection: 'Upgrade',
  upgrade: 'websocket',
  ...(token !== undefined && { authorization: `Bearer ${token}` }),
});
const goodToken = () => signToken({ iat: now, exp: now + 900 });

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1) ?? 0,
  );
}

describe('an upgrade costs', () => {
  it.each<[string, Record<string, unknown>]>([
    ['the token in a header and a limit by path', {}],
    [
      'no limit and no revocation',
      { rate_limits: [], revocation: { enabled: false, key_prefix: '', fault_tolerant: false } },
    ],
    ['a derived consumer', { consumer_by: 'user' }],
    [
      'rules by role, by claim and by details',
      {
        authorization_default: 'deny',
        authorization: [
          { paths: ['/ws/ai/chat'], claim: ['tenant_id'], values: ['x'], otherwise: 'next' },
          { paths: ['/ws/ai/chat'], details: { type: 'x' }, otherwise: 'next' },
          { paths: ['/ws/ai/chat'], roles: ['admin'] },
        ],
      },
    ],
  ])('two round trips with %s', async (_, changes) => {
    const kong = worker(changes);
    const { status, calls, writes } = await kong.upgrade(upgrade(await goodToken()));
    kong.close();
    expect(status).toBeUndefined();
    expect(calls).toEqual(
      expect.arrayContaining([
        'kong.request.get_headers',
        'kong.nginx.get_var',
        'kong.service.request.set_headers',
      ]),
    );
    expect(calls.filter((call) => call.endsWith('set_headers') && call.includes('service'))).toHaveLength(1);
    expect(writes).toBe(2);
  });

  it('one more as an event stream or as a message that is posted: Kong is asked for the method of what may be one', async () => {
    const kong = worker();
    const authorization = `Bearer ${await goodToken()}`;
    const stream = await kong.upgrade({ accept: 'text/event-stream', authorization });
    const message = await kong.upgrade({ 'content-type': 'application/json', authorization });
    const connection = await kong.upgrade({
      'content-type': 'application/json',
      ...upgrade(await goodToken()),
    });
    kong.close();
    expect(stream).toMatchObject({ status: undefined, writes: 3 });
    expect(message).toMatchObject({ status: undefined, writes: 3 });
    expect(connection).toMatchObject({ status: undefined, writes: 2 });
  });

  it('no third one for query, address and route', async () => {
    const limit = { limit: 100, window_size: 60, burst: 100, paths: [], tiers: {} };
    const kong = worker({
      uri_param_names: ['token'],
      health_path: '/ws/healthz',
      rate_limits: [
        { ...limit, by: 'ip' },
        { ...limit, by: 'route', paths: ['/ws'] },
      ],
    });
    const { calls, writes } = await kong.upgrade(upgrade(await goodToken()));
    kong.close();
    expect(calls).toEqual(
      expect.arrayContaining([
        'kong.request.get_raw_query',
        'kong.client.get_forwarded_ip',
        'kong.router.get_route',
      ]),
    );
    expect(writes).toBe(2);
  });

  it('no third one for a rule that asks a service, which is called once and then remembered', async () => {
    const service = await new AuthorizationServer().start();
    const kong = worker({ authorization: [{ paths: ['/ws/ai/chat'], url: service.url }] });
    for (let round = 0; round < 2; round += 1) {
      const { status, writes } = await kong.upgrade(upgrade(await goodToken()));
      expect({ status, writes, calls: service.arrived.length }).toEqual({
        status: undefined,
        writes: 2,
        calls: 1,
      });
    }
    kong.close();
    await service.stop();
  });

  it('one more for a consumer that Kong is asked for', async () => {
    const kong = worker({ consumer_by: 'tenant', consumer_lookup: true });
    const { status, calls, writes } = await kong.upgrade(upgrade(await goodToken()));
    kong.close();
    // The double has no consumers, so the third write is the refusal.
    expect({ status, writes }).toEqual({ status: 403, writes: 3 });
    expect(calls).toContain('kong.client.load_consumer');
  });

  it('one round trip and the exit when it is refused', async () => {
    const kong = worker();
    const { status, calls, writes } = await kong.upgrade(upgrade());
    expect({ status, last: calls.at(-1), writes }).toEqual({
      status: 401,
      last: 'kong.response.exit',
      writes: 2,
    });
    // For the log line, in the write that exits.
    expect(calls.slice(-3, -1)).toEqual(['kong.nginx.get_var', 'kong.router.get_route']);
  });
});

describe('a limit on refused upgrades', () => {
  const limit = { by: 'ip', limit: 1, window_size: 60, burst: 0, paths: [], tiers: {} };
  const config = { rate_limits: [{ ...limit, counts: 'refused' }] };

  it('costs no round trip: neither an admitted upgrade, nor a refused one', async () => {
    const kong = worker(config);
    const admitted = await kong.upgrade(upgrade(await goodToken()));
    const refused = [await kong.upgrade(upgrade()), await kong.upgrade(upgrade())];
    kong.close();
    expect(admitted).toMatchObject({ status: undefined, writes: 2 });
    expect(refused).toMatchObject([
      { status: 401, writes: 2 },
      { status: 429, writes: 2 },
    ]);
  });

  it('says in the log whose address it is and what would have been said without it, and counts it', async () => {
    const kong = worker({ ...config, realm: 'another configuration' });
    const before = await metric('ws_gatekeeper_decisions_total{outcome="too_many_refused"}');
    const linesBefore = logged.length;
    await kong.upgrade(upgrade());
    await kong.upgrade(upgrade());
    kong.close();
    expect(await metric('ws_gatekeeper_decisions_total{outcome="too_many_refused"}')).toBeGreaterThan(before);
    expect(await metric('ws_gatekeeper_refused_addresses')).toBeGreaterThan(0);
    // The log comes by another way than the answers.
    const isLine = (line: string): boolean => line.includes('too_many_refused');
    while (!logged.slice(linesBefore).some(isLine)) await new Promise(setImmediate);
    expect(JSON.parse(logged.findLast(isLine) ?? '')).toMatchObject({
      msg: 'refused',
      status: 429,
      refusedFor: 'no_token',
      address: expect.stringMatching(/^[0-9.]+$/),
      limit: { by: 'ip', paths: [], limit: 1 },
    });
  });
});

describe('under abuse', () => {
  it('refusals are counted by outcome', async () => {
    const kong = worker();
    const expired = await signToken({ iat: now - 900, exp: now - 60 });
    for (let i = 0; i < 10; i += 1) expect((await kong.upgrade(upgrade(expired))).status).toBe(401);
    expect(await metric('ws_gatekeeper_decisions_total{outcome="expired"}')).toBe(10);
  });

  it('500 calls at once are each answered', async () => {
    const kong = worker({ rate_limits: [] });
    await kong.upgrade(upgrade(await goodToken()));
    const tokens = await Promise.all([goodToken(), signToken({ iat: now, exp: now + 900, iss: 'x' })]);
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) => kong.upgrade(upgrade(tokens[i % 2]))),
    );
    kong.close();
    expect(answers.filter(({ status }) => status === undefined)).toHaveLength(250);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(250);
  });

  it('peers that send garbage, 10 MB, half a frame, or leave in the middle of a call disturb nobody', async () => {
    const kong = worker({ rate_limits: [] });
    const length = (bytes: number) => Buffer.from(Uint32Array.of(bytes).buffer);
    for (let i = 0; i < 50; i += 1) {
      const peers = await Promise.all(Array.from({ length: 4 }, () => KongClient.connect(path)));
      peers[0]?.sendRaw(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      peers[1]?.sendRaw(Buffer.concat([length(10 * 1024 * 1024), Buffer.alloc(64 * 1024)]));
      peers[2]?.sendRaw(Buffer.concat([length(100), Buffer.alloc(50)]));
      peers[3]?.sendRaw(Buffer.concat([length(3), Buffer.from([0xff, 0xff, 0xff])]));
      expect((await kong.upgrade(upgrade(await goodToken()))).status).toBeUndefined();
      for (const peer of peers) peer.close();
    }
    kong.close();
  });

  it('a decision over its deadline answers 503', async () => {
    const kong = worker({
      // The first decision, which opens the connection to Redis, keeps to it as well.
      decision_timeout: 3000,
      redis: { ...(rawConfig()['redis'] as object), url: redis.url, timeout: 10_000 },
    });
    expect((await kong.upgrade(upgrade(await goodToken()))).status).toBeUndefined();
    process.kill(redis.pid, 'SIGSTOP');
    try {
      expect((await kong.upgrade(upgrade(await goodToken()))).status).toBe(503);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    kong.close();
  });

  it('one line a refusal is logged with its request id, and no token ever', () => {
    const refusals = logged
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'refused');
    expect(refusals.length).toBeGreaterThan(200);
    for (const { requestId, outcome } of refusals) {
      expect(typeof requestId).toBe('string');
      expect(typeof outcome).toBe('string');
    }
    expect(logged.join('\n')).not.toMatch(/eyJ|Bearer [^r]|secret of/);
  });
});
