import { afterEach, describe, expect, it } from '@jest/globals';
import {
  AnswerError,
  token,
  type AnswerEnd,
  type AnswerPart,
  type AnswerReport,
} from '../../../service/src/index';
import { eventually, isEnd, LONG_LEASE_MS, Stage } from './fixture';

let stage: Stage;
afterEach(() => stage.stop());

const startStage = (topology = 'one server'): Promise<Stage> => Stage.start(topology, LONG_LEASE_MS);

describe.each(['one server', 'the master of sentinels', 'a cluster'])('answers on %s', (topology) => {
  it('are the frames that the handler yields, with the id of the command, and then what it returns', async () => {
    stage = await startStage(topology);
    const heard = await stage.hear('s1');
    const seen: unknown[] = [];
    stage.worker().answer<{ question: string }>('ask', async function* (command, { signal, attempt }) {
      const { data, dataText, tenant, user, roles, session, id, traceparent } = command;
      seen.push({ data, dataText, tenant, user, roles, session, id, traceparent, attempt });
      expect(signal.aborted).toBe(false);
      yield token('Revenue');
      yield { type: 'status', data: { text: 'asking' } };
      yield token(' is');
      await Promise.resolve();
      return { sql: 'SELECT 1' };
    });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await stage.command({ id: 'c1', data: '{"question": "q", "n": 1.0}', traceparent });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard()).toEqual([
      { type: 'token', id: 'c1', data: { token: 'Revenue', index: 0 } },
      { type: 'status', id: 'c1', data: { text: 'asking' } },
      { type: 'token', id: 'c1', data: { token: ' is', index: 1 } },
      { type: 'complete', id: 'c1', data: { sql: 'SELECT 1' } },
    ]);
    expect(seen).toEqual([
      {
        ...{ data: { question: 'q', n: 1 }, dataText: '{"question": "q", "n": 1.0}', attempt: 1 },
        ...{ tenant: 'acme', user: 'ana', roles: ['r1', 'r2'], session: 's1', id: 'c1', traceparent },
      },
    ]);
    await eventually('the command to be acknowledged', async () => (await stage.pending()) === 0);
    expect(stage.faults).toEqual([]);
  });
});

describe('an answer', () => {
  it('is watched no longer once its handler has thrown before it gave an iterator', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    let first: AbortSignal | undefined;
    const worker = stage.worker();
    const options = { timeoutMs: 300 };
    const thrower = (_: unknown, { signal }: { signal: AbortSignal }): never => {
      first = signal;
      throw new Error('no iterator');
    };
    worker.answer('throws', thrower, options);
    // eslint-disable-next-line require-yield
    const silent = async function* (): AsyncGenerator<AnswerPart> {
      await new Promise(() => undefined);
    };
    worker.answer('waits', silent, options);
    await stage.command({ id: 'c1', type: 'throws' });
    await eventually('the first end', () => heard().some(isEnd));
    await stage.command({ id: 'c2', type: 'waits' });
    await eventually('the second end', () => heard().filter(isEnd).length === 2);
    expect(heard().map(({ id, data }) => [id, data['code']])).toEqual([
      ['c1', 'FAILED'],
      ['c2', 'TIMED_OUT'],
    ]);
    expect(first?.aborted).toBe(false);
  });

  it('has no id where its command has none, and those of one session come one after the other', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    stage.worker().answer<string>('ask', async function* ({ data }) {
      yield token(`${data}1`);
      await new Promise((resolve) => setImmediate(resolve));
      yield token(`${data}2`);
    });
    await stage.command({ data: '"a"' });
    await stage.command({ data: '"b"' });
    await eventually('both ends', () => heard().filter(isEnd).length === 2);
    expect(heard().map(({ type, data }) => (type === 'token' ? data['token'] : data))).toEqual([
      'a1',
      'a2',
      {},
      'b1',
      'b2',
      {},
    ]);
    expect(heard().some((frame) => 'id' in frame)).toBe(false);
  });

  it.each([
    ['an AnswerError', new AnswerError('QUERY_FAILED', 'no such table'), 'QUERY_FAILED', 'no such table'],
    ['anything else, of which nothing is shown', new Error('password: x'), 'FAILED', 'the service failed'],
  ])('ends with an error when its handler throws %s', async (_, thrown, code, message) => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    stage.worker().answer('ask', async function* () {
      yield token('a');
      await Promise.resolve();
      throw thrown;
    });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().slice(1)).toEqual([{ type: 'error', id: 'c1', data: { code, message } }]);
    expect(stage.faults).toEqual(code === 'FAILED' ? [thrown] : []);
  });

  it.each([
    ['complete', { type: 'complete', data: {} }],
    ['error', { type: 'error', data: { code: 'X', message: '' } }],
    ['a frame of the bridge', { type: 'bridge.gap', data: {} }],
    ['a text', { type: 'chunk', data: 'text' }],
    ['what is no JSON', { type: 'chunk', data: { big: 1n } }],
  ])('ends with an error when its handler yields %s', async (_, part) => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    let isReturned = false;
    stage.worker().answer('ask', async function* () {
      try {
        yield await Promise.resolve(part as AnswerPart);
        yield token('never');
      } finally {
        isReturned = true;
      }
    });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard()).toEqual([
      { type: 'error', id: 'c1', data: { code: 'FAILED', message: 'the service failed' } },
    ]);
    expect(isReturned).toBe(true);
  });

  it('ends with an error when its handler returns no object, which ends no answer to a client', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    stage.worker().answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
      return 'done' as unknown as AnswerEnd;
    });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ type: 'error', data: { code: 'FAILED' } });
    expect(stage.faults).toMatchObject([{ message: 'expected an object as data of a frame' }]);
  });

  it('is given under the longest lease as well', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    stage.worker({ leaseMs: 2 ** 40 }).answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    expect([heard().at(-1)?.type, stage.faults]).toEqual(['complete', []]);
  });

  it('ends when its time is up, though its handler goes on, and its place is free', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    const signals: AbortSignal[] = [];
    const service = stage.worker({ concurrency: 1 });
    service.answer(
      'ask',
      async function* (_command, { signal }) {
        signals.push(signal);
        yield token('a');
        await new Promise(() => undefined);
      },
      { timeoutMs: 50 },
    );
    await stage.command({ id: 'c1' });
    await stage.command({ id: 'c2' });
    await eventually('both ends', () => heard().filter(isEnd).length === 2);
    const data = { code: 'TIMED_OUT', message: 'the answer took too long' };
    expect(heard().filter(isEnd)).toEqual([
      { type: 'error', id: 'c1', data },
      { type: 'error', id: 'c2', data },
    ]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it('is an error for a command of a type that nobody answers', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    stage.worker().answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ id: 'c1', type: 'draw' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard()).toMatchObject([{ type: 'error', id: 'c1', data: { code: 'UNKNOWN_COMMAND' } }]);
  });

  it('is left to another group where a worker says so', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    const [chat, charts] = ['ai', 'charts'].map((group) => stage.worker({ group, otherTypes: 'ignore' }));
    const answer = async function* (): AsyncGenerator<AnswerPart> {
      yield await Promise.resolve(token('a'));
    };
    chat?.answer('ask', answer);
    charts?.answer('draw', answer);
    await stage.command({ id: 'c1', type: 'draw' });
    await stage.command({ id: 'c2', type: 'ask' });
    await eventually('both ends', () => heard().filter(isEnd).length === 2);
    await eventually(
      'both to be ignored once',
      () => chat?.counts?.ignored === 1 && charts?.counts?.ignored === 1,
    );
    expect(
      heard()
        .filter(isEnd)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['c1', 'c2']);
  });

  it('is told of, with what it took', async () => {
    stage = await startStage();
    const reports: AnswerReport[] = [];
    const service = stage.worker({ onAnswer: (report) => reports.push(report) });
    service.answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ id: 'c1' });
    await eventually('a report', () => reports.length === 1);
    expect(reports).toMatchObject([{ outcome: 'complete', attempt: 1, frames: 1, command: { id: 'c1' } }]);
    const [{ firstFrameMs = Infinity, totalMs } = { totalMs: 0 }] = reports;
    expect(firstFrameMs).toBeLessThanOrEqual(totalMs);
    expect(service.counts).toMatchObject({ read: 1, ended: { complete: 1 } });
  });

  it('has the prefix of its bridges in every name', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1', 'staging:');
    stage.worker({ prefix: 'staging:' }).answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ id: 'c1' }, 'staging:');
    await eventually('an end', () => heard().some(isEnd));
    await stage.command({ type: 'cancel', data: '{"id":"c1"}' }, 'staging:');
    await eventually('a cancel to be told', async () => (await stage.redis.keys('*cancels*')).length === 1);
    const keys = await stage.redis.keys('*');
    expect(keys.filter((key) => !key.startsWith('staging:'))).toEqual([]);
    for (const key of keys.filter((one) => one !== 'staging:ai:commands'))
      expect(await stage.redis.pttl(key)).toBeGreaterThan(0);
  });

  it('is of a command that was added before the first worker came', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    await stage.command({ id: 'c1' });
    stage.worker().answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toEqual({ type: 'complete', id: 'c1', data: {} });
  });

  it('goes where the service says', async () => {
    stage = await startStage();
    const heard = await stage.hear('acme:s1');
    const channelOf = ({ tenant, session }: { tenant: string; session: string }): string =>
      `ai:stream:${tenant}:${session}`;
    stage.worker({ channelOf }).answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().map(({ type }) => type)).toEqual(['token', 'complete']);
  });

  it('is taken when the group is gone with the data of Redis', async () => {
    stage = await startStage();
    const heard = await stage.hear('s1');
    stage.worker().answer('ask', async function* () {
      yield await Promise.resolve(token('a'));
    });
    await stage.command({ id: 'c1' });
    await eventually('an end', () => heard().some(isEnd));
    await stage.redis.flushall();
    await stage.command({ id: 'c2' });
    await eventually('another end', () => heard().filter(isEnd).length === 2);
    expect(heard().at(-1)).toEqual({ type: 'complete', id: 'c2', data: {} });
  });
});

describe('a service', () => {
  it('refuses what cannot be answered', async () => {
    stage = await startStage();
    const answer = async function* (): AsyncGenerator<AnswerPart> {
      yield await Promise.resolve(token('a'));
    };
    const { redis } = stage;
    expect(() => {
      stage.worker({ group: '' }).answer('ask', answer);
    }).toThrow('expected a group');
    expect(() => {
      stage.worker({ leaseMs: 10 }).answer('ask', answer);
    }).toThrow('expected leaseMs');
    expect(() => {
      stage.worker({ concurrency: 0 }).answer('ask', answer);
    }).toThrow('expected concurrency');
    const service = stage.worker({ redis });
    expect(() => {
      service.answer('ask', answer, { timeoutMs: 0 });
    }).toThrow('expected timeoutMs');
    service.answer('ask', answer);
    expect(() => {
      service.answer('ask', answer);
    }).toThrow('expected one handler of ask');
    expect(() => {
      service.answer('cancel', answer);
    }).toThrow('expected no handler of cancel');
    await service.close();
    expect(() => {
      service.answer('other', answer);
    }).toThrow('not closed');
  });
});
