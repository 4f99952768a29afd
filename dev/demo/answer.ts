import type { CompleteFrame, TokenFrame } from '../../protocol/frames';
import type { BarChartConfig } from './frames';

const ANSWER =
  'Revenue came to 4.2 million last quarter, 12% more than the quarter before; the north grew fastest. ' +
  'It brought in 1.7 million, and the east 1.1 million. ' +
  'The south held steady at 0.8 million, while the west fell behind its plan for the second time and came to 0.6 million.';

const CHART = {
  type: 'bar',
  x: 'region',
  y: 'revenue',
  data: [
    { region: 'North', revenue: 1.7 },
    { region: 'East', revenue: 1.1 },
    { region: 'South', revenue: 0.8 },
    { region: 'West', revenue: 0.6 },
  ],
} satisfies BarChartConfig;

/** The frames of a canned answer to any question: a token a word, then the end. */
export function demoAnswer(question: string): (TokenFrame | CompleteFrame)[] {
  const text = question === '' ? ANSWER : `You asked: “${question}”. ${ANSWER}`;
  const tokens = text.match(/\S+\s*/g) ?? [];
  const frames = tokens.map((token, index): TokenFrame => ({ type: 'token', data: { token, index } }));
  const complete: CompleteFrame = {
    type: 'complete',
    data: {
      sql: 'SELECT region, SUM(amount) AS revenue FROM sales GROUP BY region',
      chartConfig: CHART,
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
