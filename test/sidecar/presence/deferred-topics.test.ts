import { describe, expect, it } from '@jest/globals';
import { DeferredTopics } from '../../../sidecar/presence/deferred-topics';

function deferred(...topics: readonly string[]): DeferredTopics {
  const all = new DeferredTopics((topic) => topic.slice(0, 1));
  for (const topic of topics) all.add(topic);
  return all;
}

describe('topics that are over their tenants’ shares', () => {
  it('are taken one of each tenant in turn, a tenant’s in the order in which they came', () => {
    const all = deferred('a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'c2');
    expect(all.take(6)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
    expect([all.take(6), all.isEmpty]).toEqual([['a4'], true]);
  });

  it('are next of those tenants who had no turn before', () => {
    const all = deferred('a1', 'a2', 'b1', 'b2', 'c1', 'c2');
    expect([all.take(2), all.take(2), all.take(2)]).toEqual([
      ['a1', 'b1'],
      ['c1', 'a2'],
      ['b2', 'c2'],
    ]);
  });

  it('are last of their tenant when they are over its share again', () => {
    const all = deferred('a1', 'a2', 'a3');
    for (const topic of all.take(1)) all.add(topic);
    expect(all.take(9)).toEqual(['a2', 'a3', 'a1']);
  });

  it('are not taken once they are deleted', () => {
    const all = deferred('a1', 'b1', 'b2');
    for (const topic of ['a1', 'b1', 'c1']) all.delete(topic);
    expect([all.take(9), all.isEmpty]).toEqual([['b2'], true]);
    all.add('a1');
    all.clear();
    expect([all.isEmpty, all.take(1)]).toEqual([true, []]);
  });
});
