import type { Machine } from './machine';
import { medians, type Figures } from './median';
import { cell, table } from './table';

/** A column of the table: which figure, under what title (with its unit), with how many digits after the point. */
export interface Column {
  readonly figure: string;
  readonly title: string;
  readonly digits?: number;
}

/** The findings of a bench. */
export interface Findings {
  /** Its name, as in `npm run bench:NAME`. */
  readonly bench: string;
  readonly machine: Machine;
  /** The options that it was run with. */
  readonly settings: Readonly<Record<string, number | string>>;
  /** Figures of each contestant, round by round. */
  readonly results: ReadonlyMap<string, readonly Figures[]>;
  readonly columns: readonly Column[];
}

/** The medians of the rounds as one table, and everything, round by round, as one line of JSON. */
export function report({ bench, machine, settings, results, columns }: Findings): string {
  const middles = [...results].map(([name, rounds]) => ({ name, rounds, median: medians(rounds) }));
  const rows = middles.map(({ name, median }) => [
    name,
    ...columns.map(({ figure, digits }) => cell(median[figure], digits)),
  ]);
  return [
    '',
    table(['', ...columns.map(({ title }) => title)], rows),
    '',
    JSON.stringify({ bench, machine, settings, results: middles }),
  ].join('\n');
}

/** One line on standard error: what is being done now. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The figures of one trial, short. */
export function brief(columns: readonly Column[], figures: Figures): string {
  return columns.map(({ figure, title, digits }) => `${title} ${cell(figures[figure], digits)}`).join(', ');
}
