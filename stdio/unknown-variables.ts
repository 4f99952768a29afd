import { isServiceLink } from './service-links';

/** A variable with the program's prefix that it does not read. */
export interface UnknownVariable {
  readonly name: string;
  /** The variable that was probably meant. */
  readonly nearest: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The variables that begin as the program's own do and are none of them. Nobody reads them, so that whoever set them is
 * served with a default and not told. Variables that Kubernetes sets for a Service of the program's name are left out.
 */
export function unknownVariables(
  env: Environment,
  prefix: string,
  known: readonly string[],
): readonly UnknownVariable[] {
  return Object.entries(env)
    .filter(([name]) => name.startsWith(prefix) && !known.includes(name))
    .filter(([name, value = '']) => !isServiceLink(name, value))
    .map(([name]) => ({ name, nearest: nearestOf(name, known) }));
}

/** The text about one, for a log or a person. */
export function unknownVariableText({ name, nearest }: UnknownVariable): string {
  return `${name} is no setting and is ignored: is ${nearest} meant?`;
}

function nearestOf(name: string, known: readonly string[]): string {
  const [first = ''] = known;
  return known.reduce((best, one) => (distance(name, one) < distance(name, best) ? one : best), first);
}

/** How many characters must be put in, left out or changed to make one of the other (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const change = from[i - 1] === to[j - 1] ? 0 : 1;
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + change));
    }
  }
  return row[to.length] ?? 0;
}
