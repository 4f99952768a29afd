import { afterEach, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { once } from 'node:events';
import { Outbox } from '../../../service/src/answers/outbox';
import { AnswerRecords } from '../../../service/src/answers/answer-records';
import type { RedisClient } from '../../../service/src/redis/client';
import { ServiceNames } from '../../../service/src/redis/names';
import { eventually, isEnd, Stage } from './fixture';

let stage: Stage;
let own: Redis | undefined;
afterEach(async () => {
  own?.disconnect();
  await stage.stop();
});

/** An outbox of a worker with one command, and what became of its frames. */
function outboxOf(redis: RedisClient) {
  const records = new AnswerRecords(redis, new ServiceNames(''), 'ai:commands', 'ai', 5000);
  const outbox = new Outbox(redis, records);
  const told: [string, string | undefined][] = [];
  const place = (fence: number) => ({
    channel: 'ai:stream:s1',
    delivery: { entryId: '1-1', fence, fields: [] },
  });
  const send = (id: string, lives: () => boolean, fence = 1): void => {
    const text = JSON.stringify({ type: 'token', id, data: {} });
    const done = (refused: 'lost' | Error | undefined): number =>
      told.push([id, refused instanceof Error ? refused.message : refused]);
    outbox.add({ place: place(fence), text, life: { lives }, done });
  };
  return { records, place, send, told };
}

it.each(['one server', 'a cluster'] as const)(
  'holds a frame back whose worker was paused between the frame and its write, and writes the others, in %s',
  async (name) => {
    stage = await Stage.start(name);
    const heard = await stage.hear('s1');
    const { send, told } = outboxOf(stage.redis);
    let isOver = false;
    send('paused', () => !isOver);
    send('awake', () => true);
    isOver = true;
    await eventually('both to be told', () => told.length === 2);
    expect(told).toEqual([
      ['paused', 'lost'],
      ['awake', undefined],
    ]);
    await eventually('a frame', () => heard().length > 0);
    expect(heard().map(({ id }) => id)).toEqual(['awake']);
  },
);

it.each(['one server', 'a cluster'] as const)(
  'says no frame that comes to Redis when a later delivery has the answer, however alive its worker is, in %s',
  async (name) => {
    stage = await Stage.start(name);
    const heard = await stage.hear('s1');
    const { records, place, send, told } = outboxOf(stage.redis);
    await records.begin(place(1));
    await records.begin(place(2));
    send('early', () => true, 1);
    send('late', () => true, 2);
    await eventually('both to be told', () => told.length === 2);
    expect(told).toEqual([
      ['early', 'lost'],
      ['late', undefined],
    ]);
    await records.end(place(2), JSON.stringify({ type: 'complete', id: 'end', data: {} }));
    send('behind the end', () => true, 2);
    await eventually('it to be told', () => told.length === 3);
    expect(told.at(-1)).toEqual(['behind the end', 'lost']);
    await eventually('the end', () => heard().some(isEnd));
    expect(heard().map(({ id }) => id)).toEqual(['late', 'end']);
  },
);

it('keeps the order of more frames than one step takes', async () => {
  stage = await Stage.start();
  const heard = await stage.hear('s1');
  const { send } = outboxOf(stage.redis);
  const ids = Array.from({ length: 1000 }, (_, i) => `${i}`);
  for (const id of ids) send(id, () => true);
  await eventually('all', () => heard().length === ids.length);
  expect(heard().map(({ id }) => id)).toEqual(ids);
});

it('keeps the order of frames while an operator makes Redis forget its scripts', async () => {
  stage = await Stage.start();
  const heard = await stage.hear('s1');
  const { send } = outboxOf(stage.redis);
  const ids = Array.from({ length: 300 }, (_, i) => `${i}`);
  for (const id of ids) {
    send(id, () => true);
    if (Number(id) % 10 === 0) void stage.redis.call('SCRIPT', 'FLUSH');
    await new Promise(setImmediate);
  }
  await eventually('all', () => heard().length === ids.length);
  expect(heard().map(({ id }) => id)).toEqual(ids);
});

it('tells of the frames that Redis refused alone, with its reason', async () => {
  stage = await Stage.start();
  const heard = await stage.hear('s1');
  await stage.redis.call('ACL', 'SETUSER', 'narrow', 'on', 'nopass', '+@all', '~*', '&ai:stream:s1');
  const redis = (own = (stage.redis as Redis).duplicate({ username: 'narrow', password: 'any' }));
  await once(redis, 'ready');
  const { records, place } = outboxOf(redis);
  const said = await records.publish([
    { place: { ...place(1), channel: 'ai:stream:s2' }, text: '{}' },
    { place: place(1), text: '{"type":"token","id":"allowed","data":{}}' },
  ]);
  expect(said).toEqual([
    expect.objectContaining({ message: expect.stringContaining('channel') as unknown }),
    undefined,
  ]);
  await eventually('a frame', () => heard().length > 0);
  expect(heard().map(({ id }) => id)).toEqual(['allowed']);
});

it('holds a frame back whose worker was given up while the connection was broken', async () => {
  stage = await Stage.start();
  const heard = await stage.hear('s1');
  const redis = (own = (stage.redis as Redis).duplicate({
    retryStrategy: () => 2000,
    maxRetriesPerRequest: null,
  }));
  await once(redis, 'ready');
  redis.disconnect(true);
  await once(redis, 'close');
  const { send, told } = outboxOf(redis);
  let isOver = false;
  send('given up', () => !isOver);
  send('alive', () => true);
  await new Promise(setImmediate);
  expect(redis.status).toBe('reconnecting');
  isOver = true;
  await eventually('both to be told', () => told.length === 2);
  expect(told).toEqual([
    ['given up', 'lost'],
    ['alive', undefined],
  ]);
  await eventually('a frame', () => heard().length > 0);
  expect(heard().map(({ id }) => id)).toEqual(['alive']);
});
