import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KongWorker } from '../../fakes/kong-worker';
import { rawConfig, signToken } from '../fixture';

let folder: string;
let socketPath: string;
let gatekeeper: ChildProcess;
let adminPort: number;
let kong: KongWorker;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  socketPath = join(folder, 'gk.sock');
  const bin = join(__dirname, '../../../dist/plugin/bin/ws-gatekeeper.js');
  const options = ['--socket', socketPath, '--admin-port', '0', '--metrics-max-tenants', '2'];
  gatekeeper = spawn(process.execPath, [bin, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  adminPort = await new Promise<number>((resolve) => {
    if (gatekeeper.stdout === null) throw new Error('no stdout');
    createInterface({ input: gatekeeper.stdout }).on('line', (line) => {
      if (line.includes('"listening"')) resolve((JSON.parse(line) as { adminPort: number }).adminPort);
    });
  });
  // Nothing listens on port 1: Redis is away, and the limits are kept in memory.
  const redis = { ...(rawConfig()['redis'] as object), url: 'redis://127.0.0.1:1', timeout: 200 };
  const revocation = { enabled: false, key_prefix: '', fault_tolerant: false };
  kong = new KongWorker(socketPath, rawConfig({ redis, revocation }));
});
afterAll(async () => {
  kong.close();
  const ended = once(gatekeeper, 'exit');
  gatekeeper.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true });
});

async function value(series: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  if (line === undefined) throw new Error(`expected the series ${series}`);
  return Number(line.slice(series.length + 1));
}

describe('a gatekeeper exports', () => {
  it('every outcome of a decision, from 0', async () => {
    expect(await value('ws_gatekeeper_decisions_total{outcome="admitted"}')).toBe(0);
    expect(await value('ws_gatekeeper_decisions_total{outcome="internal_error"}')).toBe(0);
    expect(await value('ws_gatekeeper_jwks_fetches_total{outcome="failed"}')).toBe(0);
  });

  it('what it decided, how long that took, and what Kong holds of it', async () => {
    const now = Math.floor(Date.now() / 1000);
    const authorization = `Bearer ${await signToken({ iat: now, exp: now + 900 })}`;
    for (let count = 0; count < 3; count += 1) await kong.upgrade({ upgrade: 'websocket', authorization });
    await kong.upgrade({ upgrade: 'websocket' });
    expect(await value('ws_gatekeeper_decisions_total{outcome="admitted"}')).toBe(3);
    expect(await value('ws_gatekeeper_decisions_total{outcome="no_token"}')).toBe(1);
    expect(await value('ws_gatekeeper_decision_seconds_count')).toBe(4);
    expect(await value('ws_gatekeeper_fallback_decisions_total')).toBe(3);
    expect(await value('ws_gatekeeper_redis_breakers_open')).toBe(1);
    expect(await value('ws_gatekeeper_instances')).toBe(1);
    expect(await value('ws_gatekeeper_connections')).toBeLessThanOrEqual(1);
    expect(await value('ws_gatekeeper_calls_in_flight')).toBe(0);
  });

  it('its version and that of Node', async () => {
    const { version } = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as {
      version: string;
    };
    const series = `ws_gatekeeper_build_info{version="${version}",node="${process.version}"}`;
    expect(await value(series)).toBe(1);
  });

  it('nothing of checks at health_path, which get 503 while Redis is away, also where the limits hold in memory', async () => {
    const redis = { ...(rawConfig()['redis'] as object), url: 'redis://127.0.0.1:1', timeout: 200 };
    const limit = { by: 'tenant', limit: 100, window_size: 60, burst: 100, paths: [], tiers: {} };
    const checked = rawConfig({
      redis,
      rate_limits: [limit],
      fault_tolerant: true,
      health_path: '/ws/ai/chat',
    });
    const worker = new KongWorker(socketPath, checked);
    const { status, calls, writes } = await worker.upgrade({});
    worker.close();
    expect({ status, last: calls.at(-1), writes }).toEqual({
      status: 503,
      last: 'kong.response.exit',
      writes: 2,
    });
    expect(await value('ws_gatekeeper_decision_seconds_count')).toBe(4);
  });

  it('refusals with 429 by tenant, and no other refusals', async () => {
    const limit = { by: 'tenant', limit: 1, window_size: 86_400, burst: 0, paths: [], tiers: {} };
    const redis = { ...(rawConfig()['redis'] as object), url: 'redis://127.0.0.1:1', timeout: 200 };
    const revocation = { enabled: false, key_prefix: '', fault_tolerant: false };
    const worker = new KongWorker(socketPath, rawConfig({ redis, revocation, rate_limits: [limit] }));
    const now = Math.floor(Date.now() / 1000);
    for (const tenant_id of ['a', 'a', 'a', 'b']) {
      const authorization = `Bearer ${await signToken({ tenant_id, iat: now, exp: now + 900 })}`;
      await worker.upgrade({ upgrade: 'websocket', authorization });
      await worker.upgrade({ authorization });
    }
    worker.close();
    expect(await value('ws_gatekeeper_limited_total{tenant="a"}')).toBe(2);
    await expect(value('ws_gatekeeper_limited_total{tenant="b"}')).rejects.toThrow('expected the series');
    expect(await value('ws_gatekeeper_limited_total{tenant="other"}')).toBe(0);
  });
});
