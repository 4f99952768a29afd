import { readFileSync } from 'node:fs';
import { jest } from '@jest/globals';
import { Redis, type RedisOptions } from 'ioredis';
import { publisher } from '../../../sidecar/redis/publish';
import { makeCertificates, type Certificates } from '../../fakes/certificates';
import { startRedisCluster } from '../../fakes/redis-cluster';
import { startRedis } from '../../fakes/redis-server';
import { askUpgrade, connectCounting, eventually, headersFor, startBridge } from '../fixture';
import type { Commands } from '../../../redis/options';

const ALICE = { tenant: 'acme', user: 'alice' };

jest.setTimeout(60_000);

let ours: Certificates;
let theirs: Certificates;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  [ours, theirs] = await Promise.all([makeCertificates(), makeCertificates()]);
  env = {
    BRIDGE_REDIS_TLS_CA_FILE: ours.ca,
    BRIDGE_REDIS_TLS_CERT_FILE: ours.cert,
    BRIDGE_REDIS_TLS_KEY_FILE: ours.key,
  };
});
afterAll(async () => {
  await Promise.all([ours.remove(), theirs.remove()]);
});

function tlsArgs(port: number): readonly string[] {
  return [
    ...['--port', '0', '--tls-port', `${port}`, '--tls-cluster', 'yes', '--tls-replication', 'yes'],
    ...['--tls-cert-file', ours.cert, '--tls-key-file', ours.key, '--tls-ca-cert-file', ours.ca],
  ];
}

function testConnection(): Omit<RedisOptions, 'replyMapping'> {
  return { tls: { ca: readFileSync(ours.ca), cert: readFileSync(ours.cert), key: readFileSync(ours.key) } };
}

async function expectRelayed(url: string, client: Commands): Promise<void> {
  const bridge = await startBridge(url, env);
  try {
    await eventually(async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200);
    const chat = await connectCounting(`${bridge.url}/ws/ai/chat?session=s1`, ALICE);
    await publisher(client)('ai:stream:s1', 'over TLS');
    expect(await chat.next()).toBe('over TLS');
    chat.send('{"type":"ask","id":"c1"}');
    expect(await chat.next()).toEqual({ type: 'bridge.ack', data: { id: 'c1' } });
  } finally {
    await bridge.bridge.close();
  }
}

describe('TLS to one Redis', () => {
  it('takes both certificates, and the name that Redis is asked for', async () => {
    const redis = await startRedis(tlsArgs);
    const client = new Redis({ host: '127.0.0.1', port: redis.port, ...testConnection() });
    const url = `rediss://127.0.0.1:${redis.port}`;
    await expectRelayed(url, client);
    env = { ...env, BRIDGE_REDIS_TLS_SERVER_NAME: 'redis.test' };
    await client.flushall();
    await expectRelayed(url, client);
    client.disconnect();
    await redis.stop();
  });

  it.each([
    ["is signed by somebody else's authority", () => ({ BRIDGE_REDIS_TLS_CA_FILE: theirs.ca })],
    ['is for another name', () => ({ BRIDGE_REDIS_TLS_SERVER_NAME: 'other.test' })],
  ])('refuses a Redis whose certificate %s', async (_, wrong) => {
    const redis = await startRedis(tlsArgs);
    const bridge = await startBridge(`rediss://127.0.0.1:${redis.port}`, { ...env, ...wrong() });
    const answer = await askUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
    expect(answer.status).toBe(503);
    expect((await fetch(`${bridge.adminUrl}/readyz`)).status).toBe(503);
    await bridge.bridge.close();
    await redis.stop();
  });
});

describe('TLS to a cluster', () => {
  it('takes both certificates on every node', async () => {
    const cluster = await startRedisCluster({
      args: tlsArgs,
      connection: testConnection(),
      scheme: 'rediss+cluster',
    });
    await expectRelayed(cluster.url, cluster.client);
    await cluster.stop();
  });
});
