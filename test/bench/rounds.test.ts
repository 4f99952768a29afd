import { runRounds } from '../../bench/rounds';

test('every contestant runs once a round, and each round begins with the next one', async () => {
  const order: string[] = [];
  const contestant = (name: string) => ({
    name,
    run: () => {
      order.push(name);
      return Promise.resolve({ nth: order.length });
    },
  });
  const results = await runRounds(3, [contestant('a'), contestant('b')], () => undefined);
  expect(order.join(' ')).toBe('a b b a a b');
  expect(results.get('b')).toEqual([{ nth: 2 }, { nth: 3 }, { nth: 6 }]);
});
