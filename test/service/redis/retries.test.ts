import { expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { ownConnection } from '../../../service/src/redis/own-connection';

const NODE = { host: '127.0.0.1', port: 1 };
const GIVES_UP = (): null => null;

it('a service tries again for ever, whatever the application gives up', () => {
  const strategies = { retryStrategy: GIVES_UP, sentinelRetryStrategy: GIVES_UP };
  const redis = new Redis({ ...NODE, ...strategies, lazyConnect: true });
  const cluster = new Cluster([NODE], { clusterRetryStrategy: GIVES_UP, lazyConnect: true });
  const [own, ownCluster] = [redis, cluster].map((each) => ownConnection(each, () => undefined));
  const { retryStrategy, sentinelRetryStrategy } = (own as Redis).options;
  const { clusterRetryStrategy } = (ownCluster as Cluster).options;
  const all = [retryStrategy, sentinelRetryStrategy, clusterRetryStrategy];
  expect(all.map((strategy) => [strategy?.(1), strategy?.(1_000)])).toEqual(all.map(() => [100, 2_000]));
  for (const each of [redis, cluster, own, ownCluster]) each?.disconnect();
});
