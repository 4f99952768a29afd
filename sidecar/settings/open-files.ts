import type { Settings } from './settings';

/** Files and connections of a process that are no client's: Redis, the admin port, the log, Node's own. */
const OTHERS = 128;

/**
 * Why clients are cut without a word before the cap on connections is reached, or undefined when they are not.
 * @param maxOpenFiles of each process; undefined for any number
 */
export function openFilesFault(
  { maxConnections, workers }: Pick<Settings, 'maxConnections' | 'workers'>,
  maxOpenFiles: number | undefined,
): string | undefined {
  const needed = Math.ceil(maxConnections / workers) + OTHERS;
  if (maxConnections === 0 || maxOpenFiles === undefined || maxOpenFiles >= needed) return undefined;
  return (
    `a process may have ${maxOpenFiles} files open, and BRIDGE_MAX_CONNECTIONS needs ${needed}: past that clients are cut and ` +
    'no log says so. Raise the limit (ulimit -n, LimitNOFILE), or lower the cap'
  );
}
