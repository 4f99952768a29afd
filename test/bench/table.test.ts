import { cell, table } from '../../bench/table';

test('a table lines up: names to the left, numbers to the right', () => {
  const text = table(
    ['', 'CPU µs'],
    [
      ['ws-bridge', '2.1'],
      ['naive', '11.5'],
    ],
  );
  expect(text).toBe(
    [
      '|           | CPU µs |',
      '| --------- | -----: |',
      '| ws-bridge |    2.1 |',
      '| naive     |   11.5 |',
    ].join('\n'),
  );
});

test('numbers have their thousands set apart, and what was not measured is a dash', () => {
  expect(cell(1234567.891, 1)).toBe('1,234,567.9');
  expect(cell(undefined)).toBe('–');
  expect(cell(NaN)).toBe('–');
});
