import fc from 'fast-check';
import { SizeOrder, type SizePlace } from '../../../sidecar/lib/size-order';

const change = fc.record({
  item: fc.nat({ max: 9 }),
  size: fc.oneof(fc.constant(0), fc.nat(), fc.nat({ max: 8 })),
});

describe('an order by size', () => {
  it('finds one that is as large as any, to within a fifth, and none when all are empty', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 100 }), (changes) => {
        const order = new SizeOrder<number>();
        const sizes = new Map<number, number>();
        const places = new Map<number, SizePlace<number> | undefined>();
        for (const { item, size } of changes) {
          sizes.set(item, size);
          places.set(item, order.put(item, size, places.get(item)));
          const max = Math.max(...sizes.values());
          const { largest } = order;
          if (max === 0) expect(largest).toBeUndefined();
          else expect(sizes.get(largest ?? -1)).toBeGreaterThan(max / 1.2);
        }
      }),
    );
  });
});
