import { readdirSync, readFileSync } from 'node:fs';

/** A process and all that it and its children have started, as far as they still run. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? parentOf(pid) : undefined;
    if (parent !== undefined) parents.set(pid, parent);
  }
  return [root, ...descendants(root, parents)];
}

/** Children of a process, theirs, and so on. @param parents of each process its parent */
export function descendants(root: number, parents: ReadonlyMap<number, number>): number[] {
  const children = [...parents].filter(([, parent]) => parent === root).map(([pid]) => pid);
  return children.flatMap((child) => [child, ...descendants(child, parents)]);
}

/** Reads the parent's number from a line of /proc/PID/stat (proc(5)). */
export function parseParent(stat: string): number {
  // The name before it, in parentheses, may hold anything.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function parentOf(pid: number): number | undefined {
  try {
    return parseParent(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
