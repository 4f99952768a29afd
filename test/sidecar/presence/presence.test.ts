import { Redis } from 'ioredis';
import {
  MAX_TOPICS_PER_CALL,
  RETRY_MS,
  type PresenceCall,
  type PresenceStore,
} from '../../../sidecar/presence/presence';
import { MAX_TOPIC_BYTES, topicText } from '../../../sidecar/presence/topic';
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

const [D1, D2] = [dashboard('d1'), dashboard('d2')];

/** Loses the answers of those calls, by their number from 0. */
function losing(...lost: readonly number[]): (store: PresenceStore) => PresenceStore {
  let call = -1;
  return (store) => ({
    tell: async (told) => {
      const answer = await store.tell(told);
      call += 1;
      if (lost.includes(call)) throw new Error('lost');
      return answer;
    },
  });
}

describe('the listeners of a topic', () => {
  it('are told of with the first one, and when the last one has been gone for the linger time', async () => {
    const bridge = stage.bridge();
    const [first, second] = [bridge.enter(D1), bridge.enter(D1)];
    await stage.settled();
    first.leave();
    await stage.pass(2 * LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1']);
    second.leave();
    await stage.settled();
    await stage.pass(LINGER_MS - 500);
    expect(await stage.told()).toEqual(['joined d1']);
    await stage.pass(500);
    expect(await stage.told()).toEqual(['joined d1', 'left d1']);
    expect(stage.outcomes).toEqual(['joined 1', 'left 1']);
  });

  it('are one less once, however often one leaves', async () => {
    const bridge = stage.bridge();
    const [first] = [bridge.enter(D1), bridge.enter(D1)];
    for (let i = 0; i < 3; i += 1) first.leave();
    await stage.pass(2 * LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1']);
  });

  it('are those on all bridges: who comes back to another one in time was never gone', async () => {
    const [here, there] = [stage.bridge(), stage.bridge()];
    const first = here.enter(D1);
    await stage.settled();
    first.leave();
    await stage.pass(LINGER_MS - 250);
    const second = there.enter(D1);
    await stage.settled();
    await stage.pass(3 * LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1']);
    second.leave();
    await stage.settled();
    await stage.pass(LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1', 'left d1']);
  });

  it('of a bridge that died are gone when its lease is over, and are told of by another', async () => {
    const [dead, other] = [stage.bridge(), stage.bridge()];
    dead.enter(D1);
    dead.enter(D2);
    other.enter(D2);
    await stage.settled();
    stage.kill(dead);
    await stage.pass(LEASE_MS - 250);
    expect(await stage.told()).toEqual(['joined d1', 'joined d2']);
    await stage.pass(LEASE_MS / 3 + LINGER_MS + 250);
    expect(await stage.told()).toEqual(['joined d1', 'joined d2', 'left d1']);
  });

  it('of bridges that all died are told of by the next one that starts', async () => {
    const dead = stage.bridge();
    dead.enter(D1);
    await stage.settled();
    stage.kill(dead);
    await stage.pass(10 * LEASE_MS);
    stage.bridge();
    await stage.pass(LINGER_MS + 250);
    expect(await stage.told()).toEqual(['joined d1', 'left d1']);
  });

  it('of a dead bridge with very many topics are told of all, some hundred a call', async () => {
    const dead = stage.bridge();
    const count = 2 * MAX_TOPICS_PER_CALL + 1;
    for (let i = 0; i < count; i += 1) dead.enter(dashboard(`d${i}`));
    await stage.settled();
    stage.kill(dead);
    stage.bridge();
    await stage.pass(2 * LEASE_MS + LINGER_MS);
    expect((await stage.entries()).filter(({ type }) => type === 'left')).toHaveLength(count);
  });

  it('that come and go within one turn cost no call', async () => {
    const calls: PresenceCall[] = [];
    const bridge = stage.bridge({}, (store) => ({
      tell: (call) => {
        calls.push(call);
        return store.tell(call);
      },
    }));
    bridge.enter(D1).leave();
    bridge.enter(D2);
    bridge.enter(D2);
    await stage.settled();
    expect(calls).toMatchObject([{ heard: [D2], unheard: [], told: 0 }]);
    expect(bridge.size).toBe(1);
  });

  it('leave nothing beside the stream when all are gone and told of', async () => {
    const bridge = stage.bridge({ tenantJoins: 10 });
    const listening = [bridge.enter(D1), bridge.enter(D2)];
    await stage.settled();
    expect(await stage.keys()).toHaveLength(4);
    for (const one of listening) one.leave();
    await stage.settled();
    await stage.pass(60_000);
    expect([bridge.size, await stage.keys()]).toEqual([0, []]);
  });

  it('are forgotten in Redis a day after the last call of any bridge', async () => {
    stage.bridge({ tenantJoins: 10 }).enter(D1);
    await stage.settled();
    for (const key of await stage.keys()) {
      expect(await stage.redis.pttl(key)).toBeGreaterThan(86_000_000);
    }
  });
});

describe('a bridge in doubt', () => {
  it('tells all anew under another name when an answer was lost, and nobody hears of it twice', async () => {
    const bridge = stage.bridge({}, losing(0, 2));
    const first = bridge.enter(D1);
    await stage.settled();
    await stage.pass(RETRY_MS);
    first.leave();
    await stage.settled();
    await stage.pass(2 * LEASE_MS + LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1', 'left d1']);
    expect(stage.failures).toHaveLength(2);
  });

  it('that was stalled for longer than its lease is told of as dead, and then as back', async () => {
    const [stalled] = [stage.bridge(), stage.bridge()];
    stalled.enter(D1);
    await stage.settled();
    await stage.pass(2 * LEASE_MS + LINGER_MS, [stalled]);
    expect(await stage.told()).toEqual(['joined d1', 'left d1']);
    await stage.pass(250);
    expect(await stage.told()).toEqual(['joined d1', 'left d1', 'joined d1']);
  });

  it('tells all anew to a Redis that lost everything', async () => {
    const bridge = stage.bridge();
    for (const topic of [D1, D2]) bridge.enter(topic);
    await stage.settled();
    await stage.redis.del(...(await stage.keys()), 'ws:presence');
    await stage.pass(LEASE_MS / 3);
    expect(await stage.told()).toEqual(['joined d1', 'joined d2']);
  });

  it('tells anew what a Redis lost that failed over', async () => {
    const bridge = stage.bridge();
    bridge.enter(D1);
    await stage.settled();
    const second = bridge.enter(D2);
    await stage.settled();
    const [, last = ''] = await stage.redis.zrange('{ws:presence}:.hearing', '0', '-1');
    await stage.redis.zrem('{ws:presence}:.hearing', last);
    await stage.redis.hdel('{ws:presence}:.topics', D2);
    await stage.pass(LEASE_MS / 3);
    second.leave();
    await stage.settled();
    await stage.pass(LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1', 'joined d2', 'joined d2', 'left d2']);
  });

  it('fails once in the log while Redis is away, and is right as soon as it is back', async () => {
    let isAway = true;
    const bridge = stage.bridge({}, (store) => ({
      tell: (call) => (isAway ? Promise.reject(new Error('away')) : store.tell(call)),
    }));
    bridge.enter(D1).leave();
    bridge.enter(D2);
    await stage.settled();
    await stage.pass(5 * RETRY_MS);
    expect(stage.failures).toHaveLength(1);
    isAway = false;
    await stage.pass(RETRY_MS);
    expect(await stage.told()).toEqual(['joined d2']);
  });
});

describe('a tenant that floods', () => {
  it('gets as many first listeners told as its share has, others later, and others pay nothing for it', async () => {
    const bridge = stage.bridge({ tenantJoins: 3 });
    for (let i = 0; i < 6; i += 1) bridge.enter(dashboard(`d${i}`));
    bridge.enter(dashboard('other', 'evil'));
    await stage.settled();
    expect(await stage.told()).toEqual(['joined d0', 'joined d1', 'joined d2', 'joined other']);
    // A share of three is free again in a minute.
    await stage.pass(20_000);
    expect((await stage.told()).slice(4)).toEqual(['joined d3']);
    await stage.pass(41_000);
    expect(await stage.told()).toHaveLength(7);
  });

  it('with thousands over its share has no other tenant wait for all of them', async () => {
    const bridge = stage.bridge({ tenantJoins: 1 });
    for (let i = 0; i < 25 * MAX_TOPICS_PER_CALL; i += 1) bridge.enter(dashboard(`e${i}`, 'evil'));
    bridge.enter(D1);
    bridge.enter(D2);
    await stage.settled();
    await stage.pass(61_000);
    expect((await stage.told()).filter((entry) => / d\d$/.test(entry))).toEqual(['joined d1', 'joined d2']);
  });

  it('and opens and leaves one topic after the other is told of no more often than its share lets it', async () => {
    const bridge = stage.bridge({ tenantJoins: 5 });
    for (let i = 0; i < 100; i += 1) {
      const listening = bridge.enter(dashboard(`d${i}`));
      await stage.settled();
      listening.leave();
      await stage.settled();
    }
    await stage.pass(LINGER_MS);
    expect(await stage.told()).toHaveLength(10);
    expect([bridge.size, await stage.redis.zcard('{ws:presence}:.leaving')]).toEqual([0, 0]);
  });

  it('takes nothing of its share for a topic that services know of', async () => {
    const [here, there] = [stage.bridge({ tenantJoins: 1 }), stage.bridge({ tenantJoins: 1 })];
    const first = here.enter(D1);
    await stage.settled();
    const second = there.enter(D1);
    await stage.settled();
    first.leave();
    await stage.pass(2 * LINGER_MS);
    second.leave();
    here.enter(D1);
    await stage.settled();
    await stage.pass(2 * LINGER_MS);
    expect(await stage.told()).toEqual(['joined d1']);
  });

  it('fills the stream no further than it keeps', async () => {
    const bridge = stage.bridge({ maxEntries: 100 });
    for (let i = 0; i < 1000; i += 1) bridge.enter(dashboard(`d${i}`));
    await stage.settled();
    // Redis trims whole nodes of 100 entries.
    expect(await stage.redis.xlen('ws:presence')).toBeLessThanOrEqual(200);
  });
});

describe('an entry', () => {
  it('has whatever the ids hold as it is, each in its field', async () => {
    const ids = [
      'a:b',
      '"}],["',
      'type',
      '\u0000\u001f\u007f',
      '雪 ☃ \u{1f600}',
      '%2F{x}',
      "' .. redis.call('FLUSHALL') .. '",
    ];
    const bridge = stage.bridge();
    for (const id of ids) {
      const channel = `c:${encodeURIComponent(id)}`;
      const topic = { route: 'chat', tenant: `t ${id}`, channel, params: { id }, session: 's1' };
      bridge.enter(topicText(topic) ?? '');
    }
    await stage.settled();
    expect(await stage.entries()).toEqual(
      ids.map((id) => ({
        ...{ type: 'joined', tenant: `t ${id}`, route: 'chat', channel: `c:${encodeURIComponent(id)}` },
        ...{ params: JSON.stringify({ id }), session: 's1' },
      })),
    );
  });

  it('is none for a topic that is too long', () => {
    const topic = { route: 'r', tenant: 't', channel: 'c', params: {}, session: undefined };
    const room = MAX_TOPIC_BYTES - Buffer.byteLength(topicText(topic) ?? '');
    expect(topicText({ ...topic, channel: `c${'x'.repeat(room)}` })).toHaveLength(MAX_TOPIC_BYTES);
    expect(topicText({ ...topic, channel: `c${'x'.repeat(room + 1)}` })).toBeUndefined();
  });
});

describe('a Redis without room', () => {
  it('hears nothing of who comes, and all of it later', async () => {
    const full = new Redis(server.url);
    const bridge = stage.bridge();
    const first = bridge.enter(D1);
    await stage.settled();
    await full.config('SET', 'maxmemory', '1');
    const second = bridge.enter(D2);
    await stage.settled();
    expect(stage.failures).toHaveLength(1);
    await full.config('SET', 'maxmemory', '0');
    await stage.pass(RETRY_MS);
    for (const one of [first, second]) one.leave();
    await stage.settled();
    await stage.pass(2 * LEASE_MS + LINGER_MS);
    expect((await stage.told()).toSorted()).toEqual(['joined d1', 'joined d2', 'left d1', 'left d2']);
    full.disconnect();
  });
});
