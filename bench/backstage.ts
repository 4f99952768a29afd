import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker, type Calls } from './worker';

/** A trial is built on these: all of them go when the trial has ended. */
export interface Backstage {
  /** A folder of the trial's own. */
  readonly folder: string;
  /** Waits for what is being started, which is stopped before what was started earlier. */
  readonly keep: <S extends { stop(): Promise<void> }>(starting: Promise<S>) => Promise<S>;
  /** Starts one more process of ours. @param script named from dist/bench */
  readonly worker: <C extends Calls<C>>(script: string) => Worker<C>;
}

/** Runs a trial with a backstage of its own. */
export async function withBackstage<T>(trial: (backstage: Backstage) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ws-bridge-bench-'));
  const stops: (() => Promise<void>)[] = [() => rm(folder, { recursive: true })];
  const keep: Backstage['keep'] = async (starting) => {
    const started = await starting;
    stops.push(() => started.stop());
    return started;
  };
  const worker: Backstage['worker'] = (script) => {
    const started = new Worker<never>(join(__dirname, script));
    stops.push(() => started.stop());
    return started;
  };
  try {
    return await trial({ folder, keep, worker });
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}
