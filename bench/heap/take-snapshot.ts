import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { HeapSnapshot } from './heap-groups';

const SIGNAL = 'SIGUSR2';
const SUFFIX = '.heapsnapshot';
const POLL_MS = 500;
/** A heap of a gigabyte is written by then. */
const MOST_MS = 120_000;

/** Node's flags for a server whose heap is looked at, or none. @param folder where it writes snapshots, with nothing else in it */
export function heapFlags(folder: string | undefined): readonly string[] {
  return folder === undefined ? [] : [`--heapsnapshot-signal=${SIGNAL}`, `--diagnostic-dir=${folder}`];
}

/** Has a server with those flags write its heap, after it has collected its garbage. @throws Error when it does not */
export async function takeSnapshot(pid: number, folder: string): Promise<HeapSnapshot> {
  process.kill(pid, SIGNAL);
  for (const untilMs = performance.now() + MOST_MS; performance.now() < untilMs;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const name = (await readdir(folder)).find((each) => each.endsWith(SUFFIX));
    if (name === undefined) continue;
    const snapshot = parse(await readFile(join(folder, name), 'utf8'));
    if (snapshot === undefined) continue;
    await rm(join(folder, name));
    return snapshot;
  }
  throw new Error(`expected a heap snapshot in ${folder}`);
}

/** @returns undefined for one that is still being written */
function parse(text: string): HeapSnapshot | undefined {
  try {
    return JSON.parse(text) as HeapSnapshot;
  } catch {
    return undefined;
  }
}
