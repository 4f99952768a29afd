import { expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { ownConnection } from '../../../service/src/redis/own-connection';

it('a service asks masters alone, whatever the application’s connection to the cluster asks', () => {
  const node = { host: '127.0.0.1', port: 1 };
  const redis = new Cluster([node], { scaleReads: 'slave', lazyConnect: true });
  const own = ownConnection(redis, () => undefined) as Cluster;
  expect(own.options.scaleReads).toBe('master');
  own.disconnect();
  redis.disconnect();
});

it('a service waits for its reads itself, whatever the application’s connection gives up', () => {
  const givenUp = { commandTimeout: 20, blockingTimeout: 20, socketTimeout: 20 };
  const redis = new Redis({ port: 1, ...givenUp, lazyConnect: true });
  const own = ownConnection(redis, () => undefined) as Redis;
  expect(own.options).toMatchObject({
    commandTimeout: undefined,
    blockingTimeout: undefined,
    socketTimeout: undefined,
  });
  own.disconnect();
  redis.disconnect();
});
