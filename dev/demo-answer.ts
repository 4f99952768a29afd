import type { CompleteFrame, DataFrame, TokenFrame } from '../protocol/frames';

const ANSWER =
  'Revenue came to 4.2 million last quarter, 12% more than the quarter before; the north grew fastest.';

/** The frames of a canned answer to any question: a token a word, then the end. */
export function demoAnswer(question: string): DataFrame[] {
  const text = question === '' ? ANSWER : `You asked: “${question}”. ${ANSWER}`;
  const tokens = text.match(/\S+\s*/g) ?? [];
  const frames = tokens.map((token, index): TokenFrame => ({ type: 'token', data: { token, index } }));
  const complete: CompleteFrame = {
    type: 'complete',
    data: {
      sql: 'SELECT region, SUM(amount) AS revenue FROM sales GROUP BY region',
      chartConfig: { type: 'bar', x: 'region', y: 'revenue' },
    },
  };
  return [...frames, complete];
}

/** The question in a command's `data`: a text, or an object that has one. */
export function questionIn(dataJson: string): string {
  const data: unknown = parse(dataJson);
  if (typeof data === 'string') return data;
  if (typeof data !== 'object' || data === null) return '';
  const texts = Object.values(data).filter((value): value is string => typeof value === 'string');
  return texts[0] ?? '';
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
