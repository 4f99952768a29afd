import { EventEmitter } from 'node:events';
import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import { ConnectionLog } from '../../redis/connection-log';
import { REASON_OVER_MS } from '../../redis/told-reasons';

/** A connection as ioredis's emitter tells of it, and what is logged; `clock.ms` is the time. */
function watched(status = 'connecting') {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { base: null, timestamp: false },
    { write: (line) => void lines.push(JSON.parse(line) as never) },
  );
  const clock = { ms: 0 };
  const changes = new ConnectionLog(log, () => clock.ms);
  const redis = Object.assign(new EventEmitter(), { status });
  const told = () =>
    lines.splice(0).map(({ msg, reason, node }) => [msg, node, reason].filter(Boolean).join(': '));
  return { redis, told, clock, changes, unwatch: changes.watch(redis) };
}

it('a connection that is lost is told once with its reason, then each new reason once, and that it is back', () => {
  const { redis, told } = watched();
  redis.emit('ready');
  for (const reason of [
    'read ECONNRESET',
    'connect ECONNREFUSED 1',
    'connect ECONNREFUSED 2',
    'WRONGPASS a',
    'WRONGPASS b',
  ]) {
    redis.emit('error', new Error(reason));
    redis.emit('close');
  }
  redis.emit('ready');
  expect(told()).toEqual([
    'redis connection ready',
    'redis connection lost: read ECONNRESET',
    'redis connection error: connect ECONNREFUSED 1',
    'redis connection error: WRONGPASS a',
    'redis connection ready',
  ]);
});

it('the end of a connection that is let go of is no loss, and its errors are not told', () => {
  const { redis, told, changes } = watched('ready');
  told();
  changes.letGo();
  redis.emit('error', new Error('read ECONNRESET'));
  redis.emit('close');
  changes.tell(new Error('Connection is closed.'));
  expect(told()).toEqual([]);
});

it('errors of Redis without a kind of their own are told apart', () => {
  const { redis, told } = watched();
  redis.emit('close');
  for (const reason of ['ERR max number of clients reached', 'ERR invalid DB index'])
    redis.emit('error', new Error(reason));
  expect(told().slice(1)).toEqual([
    'redis connection error: ERR max number of clients reached',
    'redis connection error: ERR invalid DB index',
  ]);
});

it('each node of a cluster is told of by itself, again when it is lost again, and when it is back', () => {
  const { redis, told, clock } = watched();
  const node = Object.assign(new EventEmitter(), { status: 'ready', options: { host: '::1', port: 7 } });
  redis.emit('+node', node);
  for (const name of ['::1:7', '::1:8', '::1:7'])
    redis.emit('node error', new Error('connect ECONNREFUSED'), name);
  node.emit('ready');
  node.emit('ready');
  redis.emit('node error', new Error('connect ECONNREFUSED'), '::1:7');
  clock.ms += REASON_OVER_MS;
  redis.emit('node error', new Error('connect ECONNREFUSED'), '::1:8');
  expect(told()).toEqual([
    'redis connection error: ::1:7: connect ECONNREFUSED',
    'redis connection error: ::1:8: connect ECONNREFUSED',
    'redis connection ready: ::1:7',
    'redis connection error: ::1:7: connect ECONNREFUSED',
    'redis connection error: ::1:8: connect ECONNREFUSED',
  ]);
});

it('a cluster whose last node is lost is told of with the reason of that node, but not of one that is back', () => {
  const { redis, told } = watched();
  const node = Object.assign(new EventEmitter(), { status: 'ready', options: { host: '::1', port: 7 } });
  redis.emit('+node', node);
  redis.emit('node error', new Error('it did not answer for 2004 ms'), '::1:7');
  redis.emit('close');
  expect(told().at(-1)).toBe('redis connection lost: it did not answer for 2004 ms');
  redis.emit('ready');
  node.emit('ready');
  redis.emit('close');
  expect(told().at(-1)).toBe('redis connection lost');
});

it('an error without words of its own has those of its causes', () => {
  const { redis, told } = watched();
  redis.emit('close');
  redis.emit('error', new AggregateError([new Error('connect ECONNREFUSED ::1:6379')]));
  redis.emit(
    'error',
    Object.assign(new Error('Failed to refresh slots cache.'), { lastNodeError: new Error('WRONGPASS x') }),
  );
  expect(told().slice(1)).toEqual([
    'redis connection error: connect ECONNREFUSED ::1:6379',
    'redis connection error: Failed to refresh slots cache. WRONGPASS x',
  ]);
});

it('a connection that takes the place of a lost one says that it is ready, of one that was not lost nothing', () => {
  const { redis, told, changes, unwatch } = watched();
  redis.emit('ready');
  redis.emit('close');
  told();
  unwatch();
  redis.emit('ready');
  const next = Object.assign(new EventEmitter(), { status: 'ready' });
  for (let count = 0; count < 2; count += 1) changes.watch(next)();
  expect(told()).toEqual(['redis connection ready']);
});
