import { descendants, parseParent } from '../../bench/process-tree';

test('the parent is read from behind the name, whatever that is', () => {
  expect(parseParent('4242 (nginx: (worker) 1) S 17 4242 4242 0 -1 4194560')).toBe(17);
});

test('descendants are children, theirs, and nobody else', () => {
  const parents = new Map([
    [2, 1],
    [10, 2],
    [11, 10],
    [12, 10],
    [13, 12],
    [20, 1],
  ]);
  expect(descendants(10, parents)).toEqual([11, 12, 13]);
  expect(descendants(13, parents)).toEqual([]);
});
