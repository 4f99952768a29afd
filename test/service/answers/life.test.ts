import { describe, expect, it } from '@jest/globals';
import type { CommandToAnswer } from '../../../service/src/answers/command';
import { Held } from '../../../service/src/answers/held';
import { Life } from '../../../service/src/answers/life';

const LEASE_MS = 3000;

function held(entryId: string, tenant = 'acme'): Held {
  const command = { tenant, session: 's', id: entryId } as CommandToAnswer;
  return new Held({ entryId, fields: [], fence: 1 }, command, 'ai:stream:s', 0);
}

function livingAt(clock: { nowMs: number }): Life {
  return new Life('me', { concurrency: 4, tenantConcurrency: 2 }, LEASE_MS, () => clock.nowMs);
}

describe('the life of a worker', () => {
  it('ends with every answer that is on its way, and with what waits', () => {
    const life = livingAt({ nowMs: 0 });
    const answers = [held('1-0'), held('2-0', 'other')];
    for (const answer of answers) life.hold(answer);
    expect(answers.map(({ stop }) => stop.signal.aborted)).toEqual([false, false]);
    life.end();
    expect(life.over.aborted).toBe(true);
    expect(answers.map(({ stop }) => stop.signal.aborted)).toEqual([true, true]);
  });

  it('ends when Redis has not heard of it for most of its lease, and no later word brings it back', () => {
    const clock = { nowMs: 0 };
    const life = livingAt(clock);
    const answer = held('1-0');
    life.hold(answer);
    clock.nowMs = LEASE_MS;
    expect(life.lives()).toBe(false);
    expect(answer.stop.signal.aborted).toBe(true);
    life.prove(clock.nowMs);
    expect(life.lives()).toBe(false);
  });
});
