import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { setTimeout as delay } from 'node:timers/promises';
import { token, type AnswerPart } from '../../../service/src/index';
import { eventually, isEnd, LONG_LEASE_MS, Stage } from './fixture';
import { LateLine } from './late-line';
import { ReadersLine } from './readers-line';
import { WorkerProcess } from './worker-process';

/** Tokens without end, slowly. */
const SLOW = { TOKENS: '100000', TOKEN_MS: '5' };
/** Options of a worker that lives until it is killed. */
const LIVING = { leaseMs: LONG_LEASE_MS };
/** Such a worker, in a process of its own. */
const KILLED = { ...SLOW, OPTIONS: JSON.stringify(LIVING) };

let stage: Stage;
afterEach(() => stage.stop());

async function* quick(): AsyncGenerator<AnswerPart> {
  yield await Promise.resolve(token('a'));
}

async function* endless(_command: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<AnswerPart> {
  for (;;) {
    yield token('a');
    await delay(5, undefined, { signal });
  }
}

async function startStage(): Promise<string> {
  stage = await Stage.start();
  return stage.url;
}

describe('a command whose worker was killed in the midst', () => {
  it('ends with WORKER_LOST, and is not begun anew, where it may not be repeated', async () => {
    const url = await startStage();
    const heard = await stage.hear('s1');
    const worker = await WorkerProcess.start(url, KILLED);
    await stage.command({ id: 'c1', type: 'atMostOnce' });
    await eventually('a token', () => heard().length > 0);
    worker.signal('SIGKILL');
    await worker.ended;
    const other = stage.worker();
    other.answer('atMostOnce', endless);
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toEqual({
      ...{ type: 'error', id: 'c1' },
      data: { code: 'WORKER_LOST', message: 'the worker of the answer died' },
    });
    await eventually('the end to be counted', () => other.counts?.ended['WORKER_LOST'] === 1);
    expect(other.counts).toMatchObject({ takenOver: 1, ended: { WORKER_LOST: 1 } });
    expect(await stage.pending()).toBe(0);
    await eventually('the dead one to be forgotten', async () => (await consumers()).length === 1);
  });

  it('is begun anew by another worker where it may be, which says so', async () => {
    const url = await startStage();
    const heard = await stage.hear('s1');
    const worker = await WorkerProcess.start(url, KILLED);
    await stage.command({ id: 'c1', type: 'atLeastOnce' });
    await eventually('a token', () => heard().length > 0);
    worker.signal('SIGKILL');
    await worker.ended;
    stage.worker().answer('atLeastOnce', quick, { delivery: 'atLeastOnce' });
    await eventually('an end', () => heard().some(isEnd));
    // Tokens of the one that died may come for a while after its death.
    expect(heard().slice(heard().findIndex(({ type }) => type !== 'token'))).toEqual([
      { type: 'start', id: 'c1', data: { attempt: 2 } },
      { type: 'token', id: 'c1', data: { token: 'a', index: 0 } },
      { type: 'complete', id: 'c1', data: {} },
    ]);
  });

  it('ends with WORKER_LOST when as many workers died of it as may', async () => {
    const url = await startStage();
    const heard = await stage.hear('s1');
    await stage.command({ id: 'c1', type: 'atLeastOnce' });
    const worker = await WorkerProcess.start(url, KILLED);
    await eventually('a token', () => heard().length > 0);
    worker.signal('SIGKILL');
    await worker.ended;
    stage.worker().answer('atLeastOnce', endless, { delivery: 'atLeastOnce', maxAttempts: 1 });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ data: { code: 'WORKER_LOST' } });
  });

  it('is answered as ever when it was not begun', async () => {
    const url = await startStage();
    const heard = await stage.hear('s2');
    const first = await stage.hear('s1');
    const options = JSON.stringify({ ...LIVING, concurrency: 1 });
    const worker = await WorkerProcess.start(url, { ...SLOW, OPTIONS: options });
    await stage.command({ id: 'c1', type: 'atMostOnce' });
    await stage.command({ id: 'c2', type: 'atMostOnce', session: 's2' });
    await eventually('a token', () => first().length > 0);
    await eventually('both to be read', async () => (await stage.pending()) === 2);
    worker.signal('SIGKILL');
    await worker.ended;
    stage.worker().answer('atMostOnce', quick);
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().map(({ type }) => type)).toEqual(['token', 'complete']);
  });
});

describe.each(['one server', 'a cluster'])(
  'a command on %s whose worker died behind its last frame',
  (topology) => {
    it('is acknowledged, and nothing more comes of it', async () => {
      stage = await Stage.start(topology);
      const heard = await stage.hear('s1');
      await stage.redis.xgroup('CREATE', 'ai:commands', 'ai', '0', 'MKSTREAM');
      const entryId = await stage.command({ id: 'c1' });
      await stage.redis.xreadgroup('GROUP', 'ai', 'dead', 'STREAMS', 'ai:commands', '>');
      await stage.redis.set(`ai:answer:{ai:stream:s1}:ai:${entryId}`, 'ended');
      const service = stage.worker();
      const begun: unknown[] = [];
      service.answer('ask', async function* ({ id }) {
        begun.push(id);
        yield await Promise.resolve(token('a'));
      });
      await eventually(
        'it to be acknowledged',
        async () => service.counts?.takenOver === 1 && (await stage.pending()) === 0,
      );
      await stage.command({ id: 'c2' });
      await eventually('the next answer', () => heard().some(isEnd));
      expect(begun).toEqual(['c2']);
      expect(heard().map(({ id }) => id)).toEqual(['c2', 'c2']);
    });
  },
);

describe('a worker that was paused for longer than its lease', () => {
  it('says nothing more of what others took over, and goes on under another name', async () => {
    const url = await startStage();
    const heard = await stage.hear('s1');
    const worker = await WorkerProcess.start(url, SLOW);
    await stage.command({ id: 'c1', type: 'atMostOnce' });
    await eventually('a token', () => heard().length > 0);
    worker.signal('SIGSTOP');
    const other = stage.worker();
    other.answer('atMostOnce', quick);
    await eventually('an end', () => heard().some(isEnd));
    await other.close();
    const atEnd = heard().length;
    worker.signal('SIGCONT');
    const later = await stage.hear('s2');
    await stage.command({ id: 'c2', type: 'atMostOnce', session: 's2' });
    await eventually('a token of the next answer', () => later().length > 0);
    expect(heard().length).toBe(atEnd);
    worker.signal('SIGKILL');
    await worker.ended;
  });
});

describe('a worker whose way to Redis was slow for longer than its lease', () => {
  let line: LateLine;
  let slow: Redis;
  afterEach(() => {
    slow.disconnect();
    line.stop();
  });

  it('is not heard with frames that come when others have ended the answer', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    line = await LateLine.start((stage.redis as Redis).options.port ?? 0);
    slow = new Redis({ port: line.port, retryStrategy: () => 100 });
    slow.on('error', () => undefined);
    let said = 0;
    // Its own clock would let it speak for longer than the other one waits.
    stage
      .worker({ redis: slow, leaseMs: 3_000 })
      .answer('atMostOnce', async function* (_command, { signal }) {
        for (;;) {
          said += 1;
          yield token(`${said}`);
          await delay(5, undefined, { signal });
        }
      });
    await stage.command({ id: 'c1', type: 'atMostOnce' });
    await eventually('a token', () => heard().length > 0);
    line.hold();
    const held = said;
    await eventually('more tokens', () => said > held + 2);
    stage.worker().answer('atMostOnce', quick);
    await eventually('an end', () => heard().some(isEnd));
    await line.letCome();
    await stage.redis.publish('ai:stream:s1', '{"type":"marker","data":{}}');
    await eventually('what was said last', () => heard().at(-1)?.type === 'marker');
    expect(heard().findIndex(isEnd)).toBe(heard().length - 2);
  });
});

describe('a worker whose application gives a lost connection up', () => {
  it('answers on over connections of its own', async () => {
    const redis = new Redis(await startStage(), { retryStrategy: () => null });
    redis.on('error', () => undefined);
    const heard = await stage.hear('s1');
    stage.worker({ redis }).answer('ask', quick);
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    await stage.redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually('the end of the connection', () => redis.status === 'end');
    await stage.command({ id: 'c2' });
    await eventually('an end of the next answer', () => heard().filter(isEnd).length === 2);
    expect(heard().map(({ id, type }) => `${id} ${type}`)).toContain('c2 complete');
  });
});

describe('a read that waited for a connection until it was given up', () => {
  let line: ReadersLine;

  beforeEach(async () => {
    await startStage();
    line = await ReadersLine.start(stage.redis as Redis);
  });
  afterEach(() => {
    line.stop();
    jest.restoreAllMocks();
  });

  const isGivenUp = (): boolean =>
    stage.faults.some((fault) => String(fault).includes('did not answer for 2500'));

  it('gives its worker what it brings once there is a connection', async () => {
    const heard = await stage.hear('s1');
    stage.worker({ leaseMs: 5_000 }).answer('ask', quick);
    await eventually(
      'a read that is given up, and a look for what it brought',
      () => isGivenUp() && line.looks > 0,
    );
    await stage.command({ id: 'c1' });
    line.isOpen = true;
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().map(({ id, type }) => `${id} ${type}`)).toEqual(['c1 token', 'c1 complete']);
  });

  it('gives it back for others where its worker goes on under another name', async () => {
    const [now, heard] = [performance.now.bind(performance), await stage.hear('s1')];
    stage.worker({ leaseMs: 5_000 }).answer('ask', quick);
    await eventually('a read', () => line.reads === 1);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 5_000);
    await eventually('a read of the next life', () => isGivenUp() && line.reads === 2);
    await stage.command({ id: 'c1' });
    line.isOpen = true;
    await eventually('an end', () => heard().some(isEnd));
    const consumers = (await stage.redis.xinfo('CONSUMERS', 'ai:commands', 'ai')) as string[][];
    expect(consumers.map(([, name]) => name)).toContain('returned');
  });
});

describe('a group that was set back to the beginning of its stream', () => {
  it('begins no answer a second time at the worker that has it', async () => {
    await startStage();
    const [first, second] = [await stage.hear('s1'), await stage.hear('s2')];
    const begun: (string | undefined)[] = [];
    stage.worker(LIVING).answer('ask', async function* (command, context) {
      begun.push(command.id);
      yield* endless(command, context);
    });
    await stage.command({ id: 'c1' });
    await eventually('a token', () => first().length > 0);
    await stage.redis.xgroup('SETID', 'ai:commands', 'ai', '0');
    // It is read behind c1.
    await stage.command({ id: 'c2', session: 's2' });
    await eventually('a token of the next answer', () => second().length > 0);
    expect(begun).toEqual(['c1', 'c2']);
  });
});

describe('a cancel', () => {
  it('ends an answer on another worker, and its handler', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    const signals = new Map<string | undefined, AbortSignal>();
    // One that is full reads nothing: whatever comes then, another one reads.
    const full = stage.worker({ concurrency: 1, readAheadCommands: 1, ...LIVING });
    full.answer('ask', async function* (command, context) {
      signals.set(command.id, context.signal);
      yield* endless(command, context);
    });
    await stage.command({ id: 'c1' });
    await eventually('an answer', () => heard().length > 0);
    await stage.command({ id: 'c2' });
    await eventually('the worker to be full', () => full.counts?.waiting === 1);
    const other = stage.worker(LIVING);
    other.answer('ask', quick);
    await stage.command({ type: 'cancel', id: 'x1', data: '{"id":"c1"}' });
    await eventually('the next answer', () => signals.has('c2') && heard().some(isEnd));
    expect(heard().filter(isEnd)).toEqual([
      { type: 'error', id: 'c1', data: { code: 'CANCELLED', message: 'the answer was cancelled' } },
    ]);
    expect([...signals].map(([id, { aborted }]) => [id, aborted])).toEqual([
      ['c1', true],
      ['c2', false],
    ]);
    expect(other.counts).toMatchObject({ read: 1, ended: {} });
  });

  it('ends an answer that waits for its turn, which never begins', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    const begun: (string | undefined)[] = [];
    stage.worker({ concurrency: 1, ...LIVING }).answer('ask', async function* (command, context) {
      begun.push(command.id);
      yield* endless(command, context);
    });
    await stage.command({ id: 'c1' });
    await eventually('a token', () => heard().length > 0);
    await stage.command({ id: 'c2' });
    await stage.command({ type: 'cancel', data: '{"id":"c2"}' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().find(isEnd)).toMatchObject({ id: 'c2', data: { code: 'CANCELLED' } });
    expect(begun).toEqual(['c1']);
  });

  it('of another session, of an unknown id, of no id, or of an earlier command under the same id stops nothing', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    const service = stage.worker(LIVING);
    service.answer('ask', quick);
    const cancels = [
      { session: 's2', data: '{"id":"c1"}' },
      { session: 's1', data: '{"id":"c9"}' },
      { session: 's1', data: '{}' },
      { session: 's1', data: '{"id":"c1"}' },
    ];
    for (const cancel of cancels) await stage.command({ type: 'cancel', ...cancel });
    await eventually(
      'the cancels to be acknowledged',
      async () => service.counts?.read === 4 && (await stage.pending()) === 0,
    );
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().map(({ type }) => type)).toEqual(['token', 'complete']);
  });

  it('counts for a command whose worker has died meanwhile', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    await stage.redis.xgroup('CREATE', 'ai:commands', 'ai', '0', 'MKSTREAM');
    await stage.command({ id: 'c1' });
    await stage.redis.xreadgroup('GROUP', 'ai', 'dead', 'STREAMS', 'ai:commands', '>');
    const begun: unknown[] = [];
    stage.worker().answer('ask', async function* (command) {
      begun.push(command.id);
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ type: 'cancel', data: '{"id":"c1"}' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard()).toMatchObject([{ id: 'c1', data: { code: 'CANCELLED' } }]);
    expect(begun).toEqual([]);
  });
});

describe('a worker that closes', () => {
  it('waits for as long as it takes where it is told so, and gives an answer as long', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    const worker = stage.worker(LIVING);
    const slow = async function* (_command: unknown, { signal }: { signal: AbortSignal }) {
      yield token('a');
      // Longer than a read waits, which a worker that closes sees out.
      await delay(2000, undefined, { signal });
    };
    worker.answer('slow', slow, { timeoutMs: 2 ** 40 });
    await stage.command({ id: 'c1', type: 'slow' });
    await eventually('a token', () => heard().length > 0);
    await worker.close({ timeoutMs: Infinity });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ type: 'complete', id: 'c1' });
  });

  it('ends what it has begun, gives back what waits, which another takes at once, and leaves the group', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const service = stage.worker({ concurrency: 1, ...LIVING });
    service.answer('ask', async function* () {
      yield token('slow');
      await gate;
      return { sql: 'slow' };
    });
    for (const id of ['c1', 'c2', 'c3']) await stage.command({ id });
    await eventually('all to be read', () => heard().length > 0 && service.counts?.waiting === 2);
    const closed = service.close();
    const other = stage.worker(LIVING);
    other.answer('ask', quick);
    await eventually('two ends', () => heard().filter(isEnd).length === 2);
    go();
    await closed;
    await eventually('three ends', () => heard().filter(isEnd).length === 3);
    expect(
      heard()
        .filter(isEnd)
        .map(({ id, data }) => [id, data]),
    ).toEqual([
      ['c2', {}],
      ['c3', {}],
      ['c1', { sql: 'slow' }],
    ]);
    expect(other.counts).toMatchObject({ takenOver: 2 });
    expect((await consumers()).filter((name) => name !== 'returned')).toHaveLength(1);
  });

  it('leaves the group for good: no sign of life follows its last word, however late Redis answers that', async () => {
    await startStage();
    const redis = stage.redis as Redis;
    const duplicate = redis.duplicate.bind(redis);
    const own = jest.spyOn(redis, 'duplicate').mockImplementationOnce((options) => {
      const main = duplicate(options);
      const define = main.defineCommand.bind(main);
      main.defineCommand = (name, script) => {
        define(name, script);
        if (name === 'give-back') answerLate(main, name);
      };
      return main;
    });
    const worker = stage.worker(LIVING);
    worker.answer('ask', quick);
    const heard = await stage.hear('s1');
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    await worker.close();
    own.mockRestore();
    expect(await consumers()).toEqual([]);
  });

  it('stops what takes too long: ends it, or gives it back where it may be repeated', async () => {
    await startStage();
    const [once, again] = [await stage.hear('s1'), await stage.hear('s2')];
    const service = stage.worker(LIVING);
    service.answer('once', endless);
    service.answer('again', endless, { delivery: 'atLeastOnce' });
    await stage.command({ id: 'c1', type: 'once' });
    await stage.command({ id: 'c2', type: 'again', session: 's2' });
    await eventually('both to begin', () => once().length > 0 && again().length > 0);
    await service.close({ timeoutMs: 10 });
    await eventually('the end to be heard', () => once().some(isEnd));
    expect(once().at(-1)).toEqual({
      ...{ type: 'error', id: 'c1' },
      data: { code: 'STOPPED', message: 'the worker of the answer stopped' },
    });
    stage.worker(LIVING).answer('again', quick, { delivery: 'atLeastOnce' });
    await eventually('an end', () => again().some(isEnd));
    expect(
      again()
        .filter(({ type }) => type !== 'token')
        .map(({ type, data }) => [type, data]),
    ).toEqual([
      ['start', { attempt: 2 }],
      ['complete', {}],
    ]);
  });

  it.each(['atMostOnce', 'atLeastOnce'] as const)(
    'gives back what waits for the answer before it, and is to be answered %s: it has not begun',
    async (delivery) => {
      await startStage();
      const heard = await stage.hear('s1');
      const service = stage.worker(LIVING);
      service.answer('ask', endless);
      service.answer('next', quick, { delivery });
      await stage.command({});
      await stage.command({ type: 'next' });
      await eventually('both to have a place', () => heard().length > 0 && service.counts?.running === 2);
      await service.close({ timeoutMs: 10 });
      const answered: number[] = [];
      stage.worker(LIVING).answer(
        'next',
        async function* (_command, { attempt }) {
          answered.push(attempt);
          yield await Promise.resolve(token('a'));
        },
        { delivery },
      );
      await eventually('both ends', () => heard().filter(isEnd).length === 2);
      expect(
        heard()
          .filter(isEnd)
          .map(({ type, data }) => [type, data['code']]),
      ).toEqual([
        ['error', 'STOPPED'],
        ['complete', undefined],
      ]);
      expect(answered).toEqual([1]);
    },
  );

  it('is closed for who asks a second time once it is closed, and not before', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    const service = stage.worker(LIVING);
    service.answer('ask', endless);
    await stage.command({ id: 'c1' });
    await eventually('a token', () => heard().length > 0);
    void service.close({ timeoutMs: 10 });
    await service.close();
    expect(service.counts?.ended).toEqual({ STOPPED: 1 });
  });

  it('on SIGTERM loses no command', async () => {
    const url = await startStage();
    const heard = await stage.hear('s1');
    const env = { OPTIONS: JSON.stringify(LIVING) };
    const workers = [await WorkerProcess.start(url, env), await WorkerProcess.start(url, env)];
    const ids = Array.from({ length: 100 }, (_, i) => `c${i}`);
    for (const id of ids) await stage.command({ id, type: 'atMostOnce' });
    await eventually('a few ends', () => heard().filter(isEnd).length > 5);
    workers[0]?.signal('SIGTERM');
    expect(await workers[0]?.ended).toBe(0);
    await eventually('all ends', () => heard().filter(isEnd).length >= ids.length);
    const ends = heard().filter(isEnd);
    expect(ends.map(({ id }) => id).sort()).toEqual(ids.sort());
    expect(ends.every(({ type }) => type === 'complete')).toBe(true);
    workers[1]?.signal('SIGTERM');
    await workers[1]?.ended;
  });
});

describe('one tenant with a thousand commands', () => {
  it('does not stop the one command of another', async () => {
    await startStage();
    const heard = await stage.hear('s2');
    stage
      .worker({ ...LIVING, concurrency: 4, tenantConcurrency: 4 })
      .answer('ask', async function* (command) {
        yield token('a');
        await delay(command.tenant === 'acme' ? 20 : 0);
      });
    await Promise.all(Array.from({ length: 1000 }, (_, i) => stage.command({ id: `c${i}` })));
    await stage.command({ id: 'x', tenant: 'globex', session: 's2' });
    await eventually('an end', () => heard().some(isEnd));
    expect(await stage.pending()).toBeGreaterThan(500);
  });

  it('is read no further than there is room, and all of it is answered', async () => {
    await startStage();
    const heard = await stage.hear('s1');
    let most = 0;
    const service = stage.worker({ ...LIVING, tenantConcurrency: 1, readAheadCommands: 10 });
    service.answer('ask', async function* () {
      most = Math.max(most, service.counts?.waiting ?? 0);
      yield await Promise.resolve(token('a'));
    });
    await Promise.all(Array.from({ length: 100 }, (_, i) => stage.command({ id: `c${i}` })));
    await eventually('all ends', () => heard().filter(isEnd).length === 100);
    expect(most).toBeLessThanOrEqual(10);
  });
});

/** Has answers to a command come some signs of life late. */
function answerLate(redis: Redis, name: string): void {
  const commands = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const ask = commands[name]?.bind(redis);
  commands[name] = async (...args) => {
    const answer = await ask?.(...args);
    await delay(1000);
    return answer;
  };
}

/** The names of the group's consumers. */
async function consumers(): Promise<string[]> {
  const found = (await stage.redis.xinfo('CONSUMERS', 'ai:commands', 'ai')) as unknown[][];
  return found.map((consumer) => String(consumer[1]));
}
