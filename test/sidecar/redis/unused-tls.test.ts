import { expect, it } from '@jest/globals';
import { unusedTls } from '../../../sidecar/redis/unused-tls';
import { startRedis } from '../../fakes/redis-server';
import { startBridge } from '../fixture';

const FILES = { redisTlsCaFile: '/ca.pem', redisTlsServerName: 'redis.internal' };
const NAMES = ['BRIDGE_REDIS_TLS_CA_FILE', 'BRIDGE_REDIS_TLS_SERVER_NAME'];

it.each([
  ['redis://r', FILES, NAMES],
  ['redis+sentinel://r/main', FILES, NAMES],
  ['redis+cluster://r', FILES, NAMES],
  ['rediss://r', FILES, []],
  ['rediss+sentinel://r/main', FILES, []],
  ['rediss+cluster://r', FILES, []],
  ['redis://r', {}, []],
])('at %s with %j these are not read: %j', (redisUrl, tls, unused) => {
  expect(unusedTls({ redisUrl, redisTimeoutMs: 1000, ...tls })).toEqual(unused);
});

it('a bridge warns of them at its start, once', async () => {
  const redis = await startRedis();
  const { bridge, logLines } = await startBridge(redis.url, { BRIDGE_REDIS_TLS_CA_FILE: '/ca.pem' });
  await bridge.close();
  await redis.stop();
  const warned = logLines.filter((line) => line.includes('not encrypted'));
  expect(warned.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 40, variables: ['BRIDGE_REDIS_TLS_CA_FILE'] },
  ]);
});
