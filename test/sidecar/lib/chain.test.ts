import fc from 'fast-check';
import { Chain, type Link } from '../../../sidecar/lib/chain';

const step = fc.oneof(
  fc.constant('append' as const),
  fc.constant('prepend' as const),
  fc.constant('shift' as const),
  fc.record({ remove: fc.nat() }),
);

describe('a chain', () => {
  it('has what was put in and not taken out, in its order, however often something is taken out', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const chain = new Chain<number>();
        const links: Link<number>[] = [];
        let expected: number[] = [];
        for (const [index, taken] of steps.entries()) {
          if (taken === 'append') {
            links.push(chain.append(index));
            expected.push(index);
          } else if (taken === 'prepend') {
            links.push(chain.prepend(index));
            expected.unshift(index);
          } else if (taken === 'shift') expect(chain.shift()).toBe(expected.shift());
          else {
            const link = links[taken.remove % Math.max(1, links.length)];
            if (link !== undefined) chain.remove(link);
            expected = expected.filter((item) => item !== link?.item);
          }
          expect([chain.first, chain.size]).toEqual([expected[0], expected.length]);
        }
        const left: number[] = [];
        for (let first = chain.first; first !== undefined; first = chain.first) {
          left.push(first);
          const link = links.find(({ item }) => item === first);
          if (link !== undefined) chain.remove(link);
        }
        expect(left).toEqual(expected);
      }),
    );
  });
});
