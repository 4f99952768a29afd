import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Redis, type RedisOptions } from 'ioredis';
import { publisher } from '../../../sidecar/redis/publish';
import { makeCertificates, type Certificates } from '../../fakes/certificates';
import { makeOwnFolder, type OwnFolder } from '../../fakes/own-folder';
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

describe('certificates that are replaced', () => {
  let folder: OwnFolder;
  beforeEach(() => {
    folder = makeOwnFolder('rotated-');
  });
  afterEach(() => folder.remove());

  const FILES = ['ca', 'cert', 'key'] as const;
  type File = (typeof FILES)[number];
  const at = (file: File): string => join(folder.path, `${file}.pem`);
  const put = (from: Certificates, files: readonly File[]): Promise<unknown> =>
    Promise.all(files.map((file) => copyFile(from[file], at(file))));
  const args = (port: number): readonly string[] => [
    ...['--port', '0', '--tls-port', `${port}`],
    ...['--tls-cert-file', at('cert'), '--tls-key-file', at('key'), '--tls-ca-cert-file', at('ca')],
  ];
  const files = (): Readonly<Record<string, string>> => ({
    BRIDGE_REDIS_TLS_CA_FILE: at('ca'),
    BRIDGE_REDIS_TLS_CERT_FILE: at('cert'),
    BRIDGE_REDIS_TLS_KEY_FILE: at('key'),
  });

  it('are those of the next connection, also after one that met them half replaced', async () => {
    await put(ours, FILES);
    const redis = await startRedis(args);
    const bridge = await startBridge(`rediss://127.0.0.1:${redis.port}`, files());
    const ready = async () => (await fetch(`${bridge.adminUrl}/readyz`)).status === 200;
    await eventually(ready);
    await redis.stop();
    await put(theirs, ['ca', 'cert']);
    await eventually(() => bridge.logLines.some((line) => line.includes('key values mismatch')));
    await put(theirs, ['key']);
    await redis.restart();
    await eventually(ready);
    const answer = await askUpgrade(`${bridge.url}/ws/notifications`, await headersFor(ALICE));
    expect(answer.status).toBe(101);
    await bridge.bridge.close();
    await redis.stop();
  });

  it('and do not fit together at the start are told of then', async () => {
    await put(ours, ['ca', 'cert']);
    await put(theirs, ['key']);
    await expect(startBridge('rediss://127.0.0.1:1', files())).rejects.toThrow('key values mismatch');
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
