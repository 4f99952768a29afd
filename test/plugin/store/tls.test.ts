import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import type { RedisSettings } from '../../../plugin/config/config';
import { parseConfig } from '../../../plugin/config/parse';
import { closeRedisConnections, redisFor } from '../../../plugin/store/redis-connection';
import { makeCertificates, type Certificates } from '../../fakes/certificates';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startRedis } from '../../fakes/redis-server';
import { rawConfig } from '../fixture';

jest.setTimeout(60_000);

let ours: Certificates;
beforeAll(async () => {
  ours = await makeCertificates();
});
afterAll(() => ours.remove());
afterEach(() => {
  closeRedisConnections();
});

function tlsArgs(port: number): readonly string[] {
  return [
    ...['--port', '0', '--tls-port', `${port}`, '--tls-cluster', 'yes', '--tls-replication', 'yes'],
    ...['--tls-cert-file', ours.cert, '--tls-key-file', ours.key, '--tls-ca-cert-file', ours.ca],
    ...['--tls-auth-clients', 'no'],
  ];
}

async function settings(changes: Partial<RedisSettings>): Promise<RedisSettings> {
  return { ...(await parseConfig(rawConfig())).config.redis, timeoutMs: 5000, ...changes };
}

async function asks(changes: Partial<RedisSettings>): Promise<boolean> {
  return redisFor(await settings(changes), pino({ level: 'silent' })).exists('absent');
}

/** The answer that a gatekeeper's process with these variables gets. */
async function asksElsewhere(changes: Partial<RedisSettings>, env: Record<string, string>): Promise<string> {
  const module = join(__dirname, '../../../dist/plugin/store/redis-connection.js');
  const script = `
    const { redisFor, closeRedisConnections } = require(${JSON.stringify(module)});
    const log = { warn() {}, info() {} };
    redisFor(${JSON.stringify(await settings(changes))}, log).exists('absent')
      .then((found) => console.log(found), (error) => console.log(error.code))
      .finally(closeRedisConnections);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], {
    env: { ...process.env, ...env },
  });
  return stdout.trim();
}

it('a Redis over TLS is asked when its authority is known to the process, and refused when it is not', async () => {
  const redis = await startRedis(tlsArgs);
  const url = `rediss://127.0.0.1:${redis.port}`;
  await expect(asks({ url })).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });
  await expect(asks({ url, tlsVerify: false })).resolves.toBe(false);
  expect(await asksElsewhere({ url }, {})).toBe('ERR_STORE_UNREACHABLE');
  expect(await asksElsewhere({ url }, { NODE_EXTRA_CA_CERTS: ours.ca })).toBe('false');
  const named = { url, serverName: 'redis.test' };
  expect(await asksElsewhere(named, { NODE_EXTRA_CA_CERTS: ours.ca })).toBe('false');
  const wrong = { url, serverName: 'other.test' };
  expect(await asksElsewhere(wrong, { NODE_EXTRA_CA_CERTS: ours.ca })).toBe('ERR_STORE_UNREACHABLE');
  await redis.stop();
});

it('so is every node of a cluster', async () => {
  const connection = {
    tls: { ca: readFileSync(ours.ca), cert: readFileSync(ours.cert), key: readFileSync(ours.key) },
  };
  const cluster = await startRedisCluster({ args: tlsArgs, connection, scheme: 'rediss+cluster' });
  const { url } = cluster;
  await expect(asks({ url })).rejects.toMatchObject({ code: 'ERR_STORE_UNREACHABLE' });
  for (const key of ['a', 'b', 'c', 'd', 'e'])
    await expect(
      redisFor(await settings({ url, tlsVerify: false }), pino({ level: 'silent' })).exists(key),
    ).resolves.toBe(false);
  expect(await asksElsewhere({ url }, { NODE_EXTRA_CA_CERTS: ours.ca })).toBe('false');
  await cluster.stop();
});
