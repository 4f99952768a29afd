import { resultTable } from '../../../bench/neighbour/rows';

const calm = { tokenP50Ms: 2, tokenP99Ms: 4, refused: 0 };
const rowsOf = (text: string): string[][] =>
  text.split('\n').map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((part) => part.trim()),
  );

test('each attack stands beside its own calm phase, as a ratio', () => {
  const beside = { tokenP50Ms: 3, tokenP99Ms: 10, refused: 2 };
  const [titles, , , attack] = rowsOf(
    resultTable([{ name: 'pings, within', calm, beside, verdict: ['refused', 'token p99'] }]),
  );
  expect(attack?.[0]).toBe('pings, within');
  expect(attack?.slice(1, 3)).toEqual(['3.0 (1.5×)', '10.0 (2.5×)']);
  expect(attack?.[titles?.indexOf('refused') ?? -1]).toBe('2');
  expect(attack?.at(-1)).toBe('refused, token p99');
});

test('the first row is what the calm phases were like, in the middle', () => {
  const busy = { ...calm, tokenP50Ms: 4 };
  const results = [calm, busy].map((own) => ({ name: 'a', calm: own, beside: own, verdict: [] }));
  const rows = rowsOf(resultTable(results));
  expect(rows[2]?.slice(0, 2)).toEqual(['calm', '3.0']);
  expect(rows[3]?.at(-1)).toBe('good');
});
