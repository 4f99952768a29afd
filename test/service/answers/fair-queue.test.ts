import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { FairQueue, type Waiting } from '../../../service/src/answers/fair-queue';

interface Item extends Waiting {
  readonly name: string;
}

const item = (name: string, tenant = name.charAt(0)): Item => ({ name, tenant, bytes: 10 });

function takeAll(queue: FairQueue<Item>): string[] {
  const names: string[] = [];
  for (let next = queue.next(); next !== undefined; next = queue.next()) names.push(next.name);
  return names;
}

describe('the queue of commands', () => {
  it('takes one of each tenant in turn, and those of one tenant in their order', () => {
    const queue = new FairQueue<Item>({ concurrency: 100, tenantConcurrency: 100 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) queue.add(item(name));
    expect(takeAll(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  it('lets one of another tenant go next, however many of the first one wait', () => {
    const queue = new FairQueue<Item>({ concurrency: 1, tenantConcurrency: 1 });
    for (let i = 0; i < 1000; i += 1) queue.add(item(`a${i}`));
    const first = queue.next();
    queue.add(item('b'));
    if (first) queue.done(first);
    expect(queue.next()?.name).toBe('b');
  });

  it('runs no more than there are places, in all and of a tenant', () => {
    const queue = new FairQueue<Item>({ concurrency: 3, tenantConcurrency: 2 });
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2']) queue.add(item(name));
    expect(takeAll(queue)).toEqual(['a1', 'b1', 'a2']);
    expect([queue.running, queue.free, queue.waiting]).toEqual([3, 0, 2]);
    queue.done(item('b1'));
    expect(takeAll(queue)).toEqual(['b2']);
    queue.done(item('a1'));
    expect(takeAll(queue)).toEqual(['a3']);
  });

  it('forgets one that is taken out while it waits', () => {
    const queue = new FairQueue<Item>({ concurrency: 1, tenantConcurrency: 1 });
    const [one, two, three] = [item('a1'), item('a2'), item('b1')];
    for (const each of [one, two, three]) queue.add(each);
    expect([queue.remove(one), queue.remove(one)]).toEqual([true, false]);
    expect([queue.waiting, queue.bytes]).toEqual([2, 20]);
    expect(queue.next()?.name).toBe('a2');
    expect(queue.remove(two)).toBe(false);
    expect(queue.clear()).toEqual([three]);
    expect([queue.waiting, queue.bytes, queue.running]).toEqual([0, 0, 1]);
  });

  it('keeps its promises in whatever order tenants come and go', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add'), tenant: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ kind: fc.constantFrom('next', 'done', 'remove'), tenant: fc.constant('') }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new FairQueue<Item>({ concurrency: 3, tenantConcurrency: 2 });
        const waiting = new Set<Item>();
        const running = new Set<Item>();
        const of = (tenant: string): number => [...running].filter((one) => one.tenant === tenant).length;
        steps.forEach(({ kind, tenant }, i) => {
          if (kind === 'add') {
            const added = item(`${tenant}${i}`);
            queue.add(added);
            waiting.add(added);
          } else if (kind === 'next') {
            const mayRun = running.size < 3 && [...waiting].some((one) => of(one.tenant) < 2);
            const next = queue.next();
            expect(next !== undefined).toBe(mayRun);
            if (next && waiting.delete(next)) running.add(next);
          } else if (kind === 'done') {
            const [done] = running;
            if (done && running.delete(done)) queue.done(done);
          } else {
            const [removed] = waiting;
            if (removed && waiting.delete(removed)) expect(queue.remove(removed)).toBe(true);
          }
          expect([queue.waiting, queue.running, queue.bytes]).toEqual([
            waiting.size,
            running.size,
            10 * waiting.size,
          ]);
          expect(of('a') <= 2 && of('b') <= 2 && of('c') <= 2).toBe(true);
        });
      }),
    );
  });
});
