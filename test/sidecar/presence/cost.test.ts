import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../../fakes/redis-server';
import { dashboard, LEASE_MS, LINGER_MS, PresenceStage } from './fixture';

let server: RedisServer;
let stage: PresenceStage;

beforeAll(async () => {
  server = await startRedis();
  stage = new PresenceStage(server.url);
});
beforeEach(() => stage.reset());
afterAll(async () => {
  stage.redis.disconnect();
  await server.stop();
});

/** How many calls of a bridge there were, and of how many topics. */
function counting() {
  const calls: number[] = [];
  const presence = stage.bridge({}, (store) => ({
    tell: (call) => {
      calls.push(call.heard.length + call.unheard.length);
      return store.tell(call);
    },
  }));
  return { presence, calls, taken: () => calls.splice(0) };
}

it('costs one call for the first listener of a topic and one for the last, and none for those between', async () => {
  const { presence, taken } = counting();
  const first = presence.enter(dashboard('a'));
  await stage.pass(250);
  expect(taken()).toEqual([1]);
  const others = Array.from({ length: 1000 }, () => presence.enter(dashboard('a')));
  await stage.pass(250);
  expect(taken()).toEqual([]);
  first.leave();
  for (const other of others) other.leave();
  await stage.pass(250);
  expect(taken()).toEqual([1]);
});

it('costs one call for all that come or go in a turn of the event loop, up to 200 topics', async () => {
  const { presence, taken } = counting();
  const all = Array.from({ length: 500 }, (_, i) => presence.enter(dashboard(`d${i}`)));
  await stage.pass(250);
  expect(taken()).toEqual([200, 200, 100]);
  for (const one of all) one.leave();
  await stage.pass(250);
  expect(taken()).toEqual([200, 200, 100]);
});

it('costs nothing for a listener who comes and goes within a turn, and no call of a topic to tell that it was left', async () => {
  const { presence, taken } = counting();
  presence.enter(dashboard('a')).leave();
  await new Promise((resolve) => setImmediate(resolve));
  await presence.settled();
  expect(taken().reduce((sum, topics) => sum + topics, 0)).toBe(0);
  presence.enter(dashboard('a')).leave();
  const stays = presence.enter(dashboard('b'));
  await stage.pass(250);
  expect(taken()).toEqual([1]);
  stays.leave();
  await stage.pass(250);
  expect(taken()).toEqual([1]);
  await stage.pass(LINGER_MS);
  expect(taken().filter((topics) => topics > 0)).toEqual([]);
  expect(await stage.told()).toEqual(['joined b', 'left b']);
});

it('costs a bridge a call in a third of its lease while somebody listens, however many topics there are', async () => {
  const { presence, taken } = counting();
  for (let i = 0; i < 50; i += 1) presence.enter(dashboard(`d${i}`));
  await stage.pass(250);
  expect(taken()).toEqual([50]);
  await stage.pass(3 * LEASE_MS);
  expect(taken().length).toBeLessThanOrEqual(9);
});
