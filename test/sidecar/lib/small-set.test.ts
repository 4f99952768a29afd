import fc from 'fast-check';
import { SmallSet } from '../../../sidecar/lib/small-set';

describe('a small set', () => {
  it('holds what a Set holds, in its order, however large it grows', () => {
    const step = fc.record({ item: fc.nat(15), isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [small, set] = [new SmallSet<number>(), new Set<number>()];
        for (const { item, isAdded } of steps) {
          if (isAdded) {
            small.add(item);
            set.add(item);
          } else expect(small.delete(item)).toBe(set.delete(item));
          expect([small.size, ...small]).toEqual([set.size, ...set]);
        }
      }),
    );
  });

  it('can lose an item while somebody goes through it, who misses none of the others', () => {
    for (const size of [3, 20]) {
      const items = Array.from({ length: size }, (_, index) => index);
      const small = new SmallSet(items);
      const seen: number[] = [];
      for (const item of small) {
        seen.push(item);
        small.delete(item);
      }
      expect([small.size, seen]).toEqual([0, items]);
    }
  });
});
