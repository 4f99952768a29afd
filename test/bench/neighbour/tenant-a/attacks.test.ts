import { ATTACKS } from '../../../../bench/neighbour/tenant-a/attacks';

test('each attack has a name of its own, by which --only picks it', () => {
  const names = ATTACKS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.join()).toMatch(/^[a-z,-]+$/);
});
