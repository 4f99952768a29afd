import fc from 'fast-check';
import { MultiMap } from '../../../sidecar/lib/multi-map';

const ITEMS = Array.from({ length: 12 }, (_, id) => ({ id }));

describe('a multi-map', () => {
  it('holds under each key what a Set would, in its order, and no key without items', () => {
    const step = fc.record({ key: fc.nat(2), item: fc.constantFrom(...ITEMS), isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const items = new MultiMap<number, object>();
        const sets = new Map([0, 1, 2].map((key) => [key, new Set<object>()]));
        for (const { key, item, isAdded } of steps) {
          if (isAdded) items.add(key, item);
          else expect(items.delete(key, item)).toBe(sets.get(key)?.has(item));
          if (isAdded) sets.get(key)?.add(item);
          else sets.get(key)?.delete(item);
          for (const [each, set] of sets) expect([...items.get(each)]).toEqual([...set]);
          const filled = [...sets.values()].filter((set) => set.size > 0);
          expect(items.size).toBe(filled.length);
          expect(new Set(items.snapshot())).toEqual(new Set(filled.flatMap((set) => [...set])));
        }
      }),
    );
  });

  it.each([1, 3, 12])('is gone through as it was, whatever becomes of its %i items a key', (count) => {
    const items = new MultiMap<string, object>();
    const were = ITEMS.slice(0, count);
    for (const key of ['a', 'b']) for (const item of were) items.add(key, item);
    const seen: object[] = [];
    for (const item of items.snapshot()) {
      seen.push(item);
      items.add('a', { late: seen.length });
      items.add('c', { late: seen.length });
      items.delete('b', item);
    }
    expect(seen).toEqual([...were, ...were]);
  });
});
