import { readFileSync } from 'node:fs';

const LIMIT = /^Max open files +(\d+) /m;

/**
 * How many files and sockets this process may have open. Node has raised its soft limit to the hard one by now.
 * @param limits as Linux tells them
 * @returns undefined where the system does not say, or has no limit
 */
export function maxOpenFiles(limits: string = ownLimits()): number | undefined {
  const [, soft] = LIMIT.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}

function ownLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
