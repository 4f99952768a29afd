import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { token, type AnswerPart } from '../../../service/src/index';
import { Unheard } from '../../../service/src/answers/unheard';
import { eventually, isEnd, LONG_LEASE_MS, Stage } from './fixture';

/** By Redis's clock, as are the times of commands here. */
const LEFT_MS = 7000;
const joined = (channel: string) => ({ type: 'joined', channel, time: LEFT_MS }) as const;
const left = (channel: string) => ({ type: 'left', channel, time: LEFT_MS }) as const;

describe('a watch for a channel without listeners', () => {
  let nowMs: number;
  let unheard: Unheard;
  let told: string[];
  const pass = (ms: number): void => {
    nowMs += ms;
    jest.advanceTimersByTime(ms);
  };
  const watch = (channel: string, unheardMs = 1000, addedMs = LEFT_MS): (() => void) =>
    unheard.watch({ channel, addedMs, unheardMs }, () => told.push(channel));
  beforeEach(() => {
    jest.useFakeTimers();
    nowMs = 5000;
    unheard = new Unheard(() => nowMs);
    told = [];
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('tells once there was none for so long, and not before', () => {
    watch('a');
    pass(10_000);
    unheard.take(left('a'));
    pass(999);
    expect(told).toEqual([]);
    pass(1);
    expect(told).toEqual(['a']);
  });

  it('tells nothing when a listener came back before, and begins anew when that one leaves', () => {
    watch('a');
    unheard.take(left('a'));
    pass(900);
    unheard.take(joined('a'));
    pass(5000);
    unheard.take(left('a'));
    pass(999);
    expect(told).toEqual([]);
    pass(1);
    expect(told).toEqual(['a']);
  });

  it('counts what was before it, tells of its own channel alone, and of nothing once it has ended', () => {
    unheard.take(left('a'));
    pass(600);
    watch('a');
    watch('b');
    const end = watch('a', 500);
    end();
    pass(399);
    expect(told).toEqual([]);
    pass(1);
    expect(told).toEqual(['a']);
  });

  it('counts nothing that was before its command was added: somebody is there, though nobody said so yet', () => {
    unheard.take(left('a'));
    pass(5000);
    watch('a', 1000, LEFT_MS + 1);
    pass(5000);
    expect(told).toEqual([]);
    unheard.take({ ...left('a'), time: LEFT_MS + 2 });
    pass(1000);
    expect(told).toEqual(['a']);
  });

  it('does not tell at once where it may take longer than a timer can', () => {
    unheard.take(left('a'));
    watch('a', 2 ** 31);
    pass(1000);
    expect(told).toEqual([]);
  });

  it('takes a channel of which it has forgotten that for one with listeners', () => {
    unheard.take(left('first'));
    for (let i = 0; i < 10_000; i += 1) unheard.take(left(`${i}`));
    watch('first');
    watch('9999');
    pass(1000);
    expect(told).toEqual(['9999']);
  });
});

describe('an answer with unheardMs', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await Stage.start('one server', LONG_LEASE_MS);
  });
  afterEach(() => stage.stop());

  const say = (type: string, session: string): Promise<unknown> =>
    stage.redis.xadd(
      ...['ws:presence', '*', 'type', type, 'tenant', 'acme', 'route', 'ai-chat'],
      ...['channel', `ai:stream:${session}`, 'params', '{}', 'session', session],
    );

  const endless = (stopped: () => void) =>
    async function* (_command: unknown, { signal }: { signal: AbortSignal }): AsyncGenerator<AnswerPart> {
      signal.addEventListener('abort', stopped);
      for (;;) {
        yield token('a');
        await delay(5, undefined, { signal });
      }
    };

  it('ends with UNHEARD, and its signal is aborted, when nobody listens any more', async () => {
    const [heard, other] = [await stage.hear('s1'), await stage.hear('s2')];
    let stops = 0;
    const worker = stage.worker();
    worker.answer(
      'ask',
      endless(() => (stops += 1)),
      { unheardMs: 20 },
    );
    await stage.command({ id: 'c1' });
    await stage.command({ id: 'c2', session: 's2' });
    await eventually('tokens', () => heard().length > 0 && other().length > 0);
    await say('joined', 's1');
    await say('left', 's1');
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toEqual({
      ...{ type: 'error', id: 'c1' },
      data: { code: 'UNHEARD', message: 'nobody listened to the answer any more' },
    });
    // Redis tells the worker after it told the listeners.
    await eventually('the end to be counted', () => worker.counts?.ended['UNHEARD'] === 1);
    expect([stops, worker.counts?.ended, stage.faults]).toEqual([1, { UNHEARD: 1 }, []]);
    const before = other().length;
    await eventually('the other to go on', () => other().length > before + 2);
  });

  it('ends so as well where everybody had left before it began', async () => {
    const heard = await stage.hear('s1');
    await stage.command({ id: 'c1' });
    await say('left', 's1');
    stage.worker().answer(
      'ask',
      endless(() => undefined),
      { unheardMs: 20 },
    );
    await eventually('an end', () => heard().some(isEnd));
    expect(heard().at(-1)).toMatchObject({ data: { code: 'UNHEARD' } });
  });

  it('goes on for a client that came after all had left, and of which bridges say so later', async () => {
    const [heard, other] = [await stage.hear('s1'), await stage.hear('s2')];
    stage.worker().answer(
      'ask',
      endless(() => undefined),
      { unheardMs: 20 },
    );
    await say('left', 's1');
    await stage.command({ id: 'c0', session: 's2' });
    await say('left', 's2');
    await eventually('the reader to have read both', () => other().some(isEnd));
    await stage.command({ id: 'c1' });
    await eventually('tokens after more than unheardMs', () => heard().length > 20);
    expect(heard().some(isEnd)).toBe(false);
  });

  it.each([0, -1, 1.5, NaN])('is refused for %d', (unheardMs) => {
    const worker = stage.worker();
    expect(() => {
      worker.answer(
        'ask',
        endless(() => undefined),
        { unheardMs },
      );
    }).toThrow('expected unheardMs to be an integer of 1 or more');
  });
});
