import { afterEach, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { once } from 'node:events';
import { Outbox } from '../../../service/src/answers/outbox';
import { eventually, Stage } from './fixture';

let stage: Stage;
let own: Redis | undefined;
afterEach(async () => {
  own?.disconnect();
  await stage.stop();
});

it.each(['one server', 'a cluster'] as const)(
  'holds a frame back whose worker was paused between the frame and its write, and writes the others, in %s',
  async (name) => {
    stage = await Stage.start(name);
    const heard = await stage.hear('s1');
    const outbox = new Outbox(stage.redis);
    const told: [string, string | undefined][] = [];
    let isOver = false;
    const send = (id: string, lives: () => boolean): void => {
      const text = JSON.stringify({ type: 'token', id, data: {} });
      const done = (refused: Error | undefined): number => told.push([id, refused?.message]);
      outbox.add({ channel: 'ai:stream:s1', text, life: { lives }, done });
    };
    send('paused', () => !isOver);
    send('awake', () => true);
    isOver = true;
    await eventually('both to be told', () => told.length === 2);
    expect(told).toEqual([
      ['paused', 'others have the answer by now'],
      ['awake', undefined],
    ]);
    await eventually('a frame', () => heard().length > 0);
    expect(heard().map(({ id }) => id)).toEqual(['awake']);
  },
);

it('holds a frame back whose worker was given up while the connection was broken', async () => {
  stage = await Stage.start();
  const heard = await stage.hear('s1');
  const redis = (own = (stage.redis as Redis).duplicate({
    retryStrategy: () => 200,
    maxRetriesPerRequest: null,
  }));
  await once(redis, 'ready');
  redis.disconnect(true);
  await once(redis, 'close');
  const outbox = new Outbox(redis);
  const told: [string, string | undefined][] = [];
  let isOver = false;
  const send = (id: string, lives: () => boolean): void => {
    const text = JSON.stringify({ type: 'token', id, data: {} });
    const done = (refused: Error | undefined): number => told.push([id, refused?.message]);
    outbox.add({ channel: 'ai:stream:s1', text, life: { lives }, done });
  };
  send('given up', () => !isOver);
  send('alive', () => true);
  await new Promise(setImmediate);
  expect(redis.status).toBe('reconnecting');
  isOver = true;
  await eventually('both to be told', () => told.length === 2);
  expect(told).toEqual([
    ['given up', 'others have the answer by now'],
    ['alive', undefined],
  ]);
  await eventually('a frame', () => heard().length > 0);
  expect(heard().map(({ id }) => id)).toEqual(['alive']);
});
