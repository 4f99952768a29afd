import { pino } from 'pino';
import type { Receiver } from '../../../sidecar/fanout/deliver';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import { deferred, type Deferred } from '../../../sidecar/lib/promises';
import type { ChannelRegistry } from '../../../sidecar/pubsub/channel-registry';
import { ChannelStates, MAX_READS, MAX_READS_OF_TENANT } from '../../../sidecar/states/channel-states';
import { takeAll } from '../all-steps';
import { PLACE, settled, Socket, statesOn, TwoConnections } from './two-connections';

/** Reads that are answered when the test lets them. */
class Reads {
  readonly asked: string[] = [];
  readonly #waiting: Deferred<Buffer>[] = [];

  readonly read = (key: string): Promise<Buffer> => {
    this.asked.push(key);
    const answer = deferred<Buffer>();
    this.#waiting.push(answer);
    return answer.promise;
  };

  async answer(value: string): Promise<void> {
    this.#waiting.shift()?.resolve(Buffer.from(value));
    await settled();
  }

  async answerAll(value: string): Promise<void> {
    while (this.#waiting.length > 0) await this.answer(value);
  }
}

/** A Redis all of whose messages have always arrived. */
class Prompt extends TwoConnections {
  override arrived(): Promise<void> {
    return Promise.resolve();
  }
}

describe('the states of channels', () => {
  it('are read once for all who ask in one turn, and after it', async () => {
    const reads = new Reads();
    const states = statesOn(new Prompt(), reads.read);
    const sockets = [new Socket(states), new Socket(states), new Socket(states)];
    for (const socket of sockets) states.ask(socket);
    expect(reads.asked).toEqual([]);
    await settled();
    expect(reads.asked).toEqual(['k']);
    await reads.answer('state');
    expect(sockets.map(({ shown }) => shown)).toEqual([['state'], ['state'], ['state']]);
    expect(states.size).toBe(0);
  });

  it('are read once more, and by one read, for who asked while they were read', async () => {
    const reads = new Reads();
    const states = statesOn(new Prompt(), reads.read);
    const [early, late, later] = [new Socket(states), new Socket(states), new Socket(states)];
    states.ask(early);
    await settled();
    states.ask(late);
    await settled();
    states.ask(later);
    await settled();
    expect(reads.asked).toEqual(['k']);
    await reads.answer('old');
    expect([early.shown, late.shown, later.shown, reads.asked]).toEqual([['old'], [], [], ['k', 'k']]);
    await reads.answer('new');
    expect([early.shown, late.shown, later.shown]).toEqual([['old'], ['new'], ['new']]);
  });

  it(`are read ${MAX_READS} at once, and no more`, async () => {
    const reads = new Reads();
    const states = statesOn(new Prompt(), reads.read);
    const sockets = Array.from({ length: 3 * MAX_READS }, (_, index) => {
      return new Socket(states, { channel: `c${index}`, key: `k${index}` }, 'board', `tenant${index}`);
    });
    for (const socket of sockets) states.ask(socket);
    await settled();
    expect(reads.asked).toHaveLength(MAX_READS);
    await reads.answer('x');
    expect(reads.asked).toHaveLength(MAX_READS + 1);
    await reads.answerAll('x');
    expect(reads.asked).toEqual(sockets.map(({ place }) => place.key));
    expect(sockets.every(({ shown }) => shown.length === 1)).toBe(true);
  });

  it('of one tenant do not keep those of another waiting, however many they are and however long they take', async () => {
    const reads = new Reads();
    const states = statesOn(new Prompt(), reads.read);
    for (let number = 0; number < 10 * MAX_READS; number += 1)
      states.ask(new Socket(states, { channel: `c${number}`, key: `k${number}` }, 'board', 'crowd'));
    await settled();
    expect(reads.asked).toHaveLength(MAX_READS_OF_TENANT);
    const socket = new Socket(states, PLACE, 'board', 'acme');
    states.ask(socket);
    await settled();
    expect(reads.asked.slice(MAX_READS_OF_TENANT)).toEqual([PLACE.key]);
    await reads.answerAll('x');
    expect(socket.shown).toEqual(['x']);
  });

  it('are shown to nobody who is gone, and leave nothing behind', async () => {
    const [reads, redis] = [new Reads(), new Prompt()];
    const states = statesOn(redis, reads.read);
    const [gone, stays] = [new Socket(states), new Socket(states)];
    for (const socket of [gone, stays]) states.ask(socket);
    await settled();
    states.forget(gone);
    states.forget(gone);
    expect([states.size, redis.members().size]).toEqual([1, 1]);
    states.forget(stays);
    expect([states.size, redis.members().size]).toEqual([0, 0]);
    await reads.answer('state');
    expect([gone.shown, stays.shown, gone.outcomes, stays.outcomes]).toEqual([[], [], [], []]);
  });

  it('that are not there, or empty, are waited for with no further question', async () => {
    const reads = new Reads();
    const redis = new TwoConnections();
    const states = statesOn(redis, reads.read);
    const socket = new Socket(states);
    states.ask(socket);
    await settled();
    await reads.answer('');
    expect([socket.outcomes, redis.isQuiet]).toEqual([['absent'], true]);
  });

  it('are left out for a frame that came meanwhile, of each by its own time', async () => {
    const redis = new TwoConnections();
    const states = statesOn(redis, redis.read);
    const [before, after] = [new Socket(states), new Socket(states)];
    redis.set('1');
    states.ask(before);
    redis.publish('1');
    redis.arrive();
    states.ask(after);
    await settled();
    redis.serveRead();
    redis.answerRead();
    await settled();
    redis.servePing();
    redis.arrive();
    await settled();
    expect([before.outcomes, after.outcomes]).toEqual([['superseded'], ['sent']]);
  });

  it('that are too large are told of once a route, and shown to nobody', async () => {
    const [reads, log] = [new Reads(), [] as string[]];
    const states = statesOn(new Prompt(), reads.read, log);
    const sockets = [new Socket(states), new Socket(states), new Socket(states, PLACE, 'other')];
    for (const socket of sockets) {
      states.ask(socket);
      await settled();
      await reads.answer('x'.repeat(17));
      expect([socket.shown, socket.outcomes]).toEqual([[], ['too_large']]);
    }
    expect(log.map((line) => (JSON.parse(line) as { route: string }).route)).toEqual(['board', 'other']);
  });

  it('that Redis does not give are told of once a reason, and nobody waits for them', async () => {
    const log: string[] = [];
    const states = statesOn(new Prompt(), () => Promise.reject(new Error('Connection is closed.')), log);
    const sockets = [new Socket(states), new Socket(states)];
    for (const socket of sockets) {
      states.ask(socket);
      await settled();
    }
    expect(sockets.map(({ outcomes }) => outcomes)).toEqual([['unread'], ['unread']]);
    expect(log).toHaveLength(1);
    expect([states.size, log[0]]).toEqual([0, expect.stringContaining('Connection is closed.')]);
  });

  it('of a channel whose subscription was lost meanwhile are not shown, and are read again once it is back', async () => {
    const redis = new TwoConnections();
    const states = statesOn(redis, redis.read);
    const socket = new Socket(states);
    redis.set('1');
    void redis.join('c', socket);
    states.ask(socket);
    await settled();
    redis.serveRead();
    redis.answerRead();
    await settled();
    redis.lose();
    takeAll(states.lost(['c', 'of nobody']));
    await settled();
    expect(socket.outcomes).toEqual(['unread']);
    states.restored();
    await settled();
    expect(socket.outcomes).toEqual(['unread']);
    redis.restore();
    states.restored();
    states.restored();
    for (const step of ['serveRead', 'answerRead', 'servePing', 'arrive'] as const) {
      await settled();
      redis[step]();
    }
    await settled();
    expect([socket.outcomes, socket.shown]).toEqual([['unread', 'sent'], ['1']]);
  });

  it('are shown to nobody where the witness could not join', async () => {
    class Full extends Prompt {
      override join(): Promise<void> {
        return Promise.reject(new Error('not now'));
      }
    }
    const reads = new Reads();
    const states = statesOn(new Full(), reads.read);
    const socket = new Socket(states);
    states.ask(socket);
    await settled();
    await reads.answer('state');
    expect([socket.shown, socket.outcomes]).toEqual([[], ['unread']]);
  });
});

it('channels that are not back, of very many, are looked at a few at a step', () => {
  const turns: (() => void)[] = [];
  let nowMs = 0;
  const member = { senderId: undefined, deliver: () => undefined };
  const states = new ChannelStates({
    registry: {
      members: () => new Set([member]),
      isLive: () => false,
    } as unknown as ChannelRegistry<Receiver>,
    read: () => Promise.resolve(Buffer.alloc(0)),
    maxStateBytes: 100,
    shares: new LoopShares({ nowMs: () => (nowMs += SLICE_MS), later: (run) => void turns.push(run) }),
    monotonicMs: () => 0,
    log: pino({ level: 'silent' }),
  });
  takeAll(states.lost(Array.from({ length: 2560 }, (_, index) => `c${index}`)));
  states.restored();
  let count = 0;
  for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
    run();
    count += 1;
  }
  expect(count).toBeGreaterThanOrEqual(10);
});
