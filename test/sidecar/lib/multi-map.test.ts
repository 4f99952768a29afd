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
          else items.delete(key, item);
          if (isAdded) sets.get(key)?.add(item);
          else sets.get(key)?.delete(item);
          for (const [each, set] of sets) expect([...items.get(each)]).toEqual([...set]);
          const filled = [...sets.values()].filter((set) => set.size > 0);
          expect(items.size).toBe(filled.length);
          expect(new Set(items)).toEqual(new Set(filled.flatMap((set) => [...set])));
        }
      }),
    );
  });
});
