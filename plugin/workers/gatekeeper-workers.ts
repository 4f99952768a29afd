import { WorkerPool, type WorkerPoolOptions } from '../../workers/worker-pool';
import { WORKER_VARIABLE } from '../lib/log';
import { InstanceRegister } from './instance-register';
import type { ToPrimary, ToWorker, WorkerSettings } from './messages';

/** How much longer than its calls a worker may take to end, in milliseconds; it is killed then. */
const STOP_GRACE_MS = 1000;

/** The workers of a gatekeeper. */
export type GatekeeperWorkers = WorkerPool<ToPrimary, ToWorker>;

type Given = 'count' | 'file' | 'log' | 'writeLine' | 'onListening' | 'onGivenUp';

/** How they are run. */
export interface GatekeeperWorkersOptions extends Pick<WorkerPoolOptions<ToPrimary, ToWorker>, Given> {
  readonly settings: WorkerSettings;
}

/** Starts all workers. @throws when one ends before it listens */
export function startWorkers({ settings, ...options }: GatekeeperWorkersOptions): Promise<GatekeeperWorkers> {
  const register = new InstanceRegister();
  return WorkerPool.start<ToPrimary, ToWorker>({
    ...options,
    args: [JSON.stringify(settings)],
    environment: (number) => ({ [WORKER_VARIABLE]: number }),
    onMessage: (message, from, pool) => {
      register.take(message, from.send, (news) => {
        pool.broadcast(news, from);
      });
    },
  });
}

/** Has every worker serve the calls in flight, and end. Resolves when all have ended. */
export function stopWorkers(pool: GatekeeperWorkers, timeoutMs: number): Promise<void> {
  return pool.end({ type: 'stop', timeoutMs }, timeoutMs + STOP_GRACE_MS);
}
