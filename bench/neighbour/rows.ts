import { medians, type Figures } from '../median';
import { cell, table } from '../table';
import { ratio } from './verdict';

/** B's observations in one phase of one attack. */
export interface Result {
  readonly name: string;
  readonly calm: Figures;
  readonly beside: Figures;
  readonly verdict: readonly string[];
}

interface Column {
  readonly title: string;
  readonly figure: string;
  readonly digits?: number;
  /** Whether it is compared with the calm phase. */
  readonly compared?: boolean;
}

const COLUMNS: readonly Column[] = [
  { title: 'token p50 ms', figure: 'tokenP50Ms', digits: 1, compared: true },
  { title: 'p99', figure: 'tokenP99Ms', digits: 1, compared: true },
  { title: 'ack p50 ms', figure: 'ackP50Ms', digits: 1, compared: true },
  { title: 'p99', figure: 'ackP99Ms', digits: 1, compared: true },
  { title: 'connect p50 ms', figure: 'connectP50Ms', digits: 1, compared: true },
  { title: 'p99', figure: 'connectP99Ms', digits: 1, compared: true },
  { title: 'refused', figure: 'refused' },
  { title: 'lost', figure: 'lost' },
  { title: 'doubled', figure: 'doubled' },
  { title: 'gaps', figure: 'gaps' },
  { title: 'closed', figure: 'closed' },
  { title: 'livez ms', figure: 'livezMs' },
  { title: 'RSS MB', figure: 'peakMb', compared: true },
  { title: 'after', figure: 'afterMb' },
  { title: 'bridge cores', figure: 'bridgeCores', digits: 2 },
  { title: 'A over rate', figure: 'tooMany' },
  { title: 'A 4429', figure: 'cut4429' },
  { title: 'A cores', figure: 'aCores', digits: 2 },
];

/** A table of all attacks: first what the calm phases were like, in the middle, then each attack beside its own. */
export function resultTable(results: readonly Result[]): string {
  const calm = medians(results.map((result) => result.calm));
  const rows = results.map(({ name, calm: own, beside, verdict }) => [
    name,
    ...COLUMNS.map((column) => compared(column, own, beside)),
    verdict.length === 0 ? 'good' : verdict.join(', '),
  ]);
  const calmRow = ['calm', ...COLUMNS.map(({ figure, digits }) => cell(calm[figure], digits)), ''];
  return table(['', ...COLUMNS.map(({ title }) => title), 'verdict'], [calmRow, ...rows]);
}

function compared(
  { figure, digits, compared: isCompared = false }: Column,
  calm: Figures,
  beside: Figures,
): string {
  const text = cell(beside[figure], digits);
  const times = ratio(calm[figure], beside[figure]);
  return isCompared && !Number.isNaN(times) ? `${text} (${cell(times, 1)}×)` : text;
}
