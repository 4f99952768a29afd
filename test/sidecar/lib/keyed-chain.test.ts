import fc from 'fast-check';
import { KeyedChain } from '../../../sidecar/lib/keyed-chain';

const key = fc.integer({ min: 0, max: 9 });
const step = fc.oneof(
  fc.record({ set: key, value: fc.nat(9) }),
  fc.record({ delete: key }),
  fc.record({ deleteBelow: fc.nat(9) }),
);

describe('a keyed chain', () => {
  it('has what was set last for each key, the one that was set longest ago first', () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const chain = new KeyedChain<number, number>();
        // A Map has the same order, where a key is deleted before it is set.
        const expected = new Map<number, number>();
        for (const taken of steps) {
          if ('set' in taken) {
            chain.set(taken.set, taken.value);
            expected.delete(taken.set);
            expected.set(taken.set, taken.value);
          } else if ('delete' in taken) {
            chain.delete(taken.delete);
            expected.delete(taken.delete);
          } else {
            chain.deleteWhile((value) => value < taken.deleteBelow);
            for (const [name, value] of expected) {
              if (value >= taken.deleteBelow) break;
              expected.delete(name);
            }
          }
          const [first] = expected.values();
          expect([chain.first, chain.size]).toEqual([first, expected.size]);
          for (let name = 0; name < 10; name += 1) {
            expect([chain.has(name), chain.get(name)]).toEqual([expected.has(name), expected.get(name)]);
          }
        }
      }),
    );
  });

  it('asks anew before it takes out each one, with the others already gone', () => {
    const chain = new KeyedChain<string, number>();
    for (const name of ['a', 'b', 'c', 'd']) chain.set(name, 0);
    chain.deleteWhile(() => chain.size > 2);
    expect(['a', 'b', 'c', 'd'].filter((name) => chain.has(name))).toEqual(['c', 'd']);
  });
});
