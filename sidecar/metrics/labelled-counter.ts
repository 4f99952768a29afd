import { Counter, type Registry } from 'prom-client';

/** A counter whose labels take values of closed sets only. */
export interface LabelledCounter<Label extends string> {
  readonly name: string;
  readonly help: string;
  /** Each label with every value that it may take. */
  readonly labels: Readonly<Record<Label, readonly string[]>>;
}

/** Registers a counter. Each series of it is there from the start, so that a first event is an increase. */
export function labelledCounter<Label extends string>(
  { name, help, labels }: LabelledCounter<Label>,
  registry: Registry,
): Counter<Label> {
  const labelNames = Object.keys(labels) as Label[];
  const counter = new Counter<Label>({ name, help, labelNames, registers: [registry] });
  for (const series of seriesOf(labels, labelNames)) counter.inc(series, 0);
  return counter;
}

/** Combines each value of a label with each value of the others. */
function seriesOf<Label extends string>(
  labels: Readonly<Record<Label, readonly string[]>>,
  [label, ...others]: readonly Label[],
): Partial<Record<Label, string>>[] {
  if (label === undefined) return [{}];
  const rest = seriesOf(labels, others);
  return labels[label].flatMap((value) =>
    rest.map((series) => ({ [label]: value, ...series }) as typeof series),
  );
}
