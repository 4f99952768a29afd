import { hostname } from 'node:os';
import { readLogLevel } from '../../stdio/log-level';
import { processLog } from '../../stdio/process-log';

/** The environment variable in which the primary tells a worker its number. */
export const WORKER_VARIABLE = 'WS_GATEKEEPER_WORKER';

/** The process's log: JSON lines on standard output. Tokens, assertions and secrets are never handed to it. */
export const { log, relay, droppedLines, settle } = processLog(
  // ws-gatekeeper refuses to start with any other.
  readLogLevel(process.env['GATEKEEPER_LOG_LEVEL'] ?? '') ?? 'info',
  // Two run at once while one takes over from the other: the pid says which.
  { pid: process.pid, hostname: hostname(), name: 'ws-gatekeeper', ...workerOf(process.env) },
);

function workerOf(env: NodeJS.ProcessEnv): { readonly worker?: number } {
  const worker = Number(env[WORKER_VARIABLE]);
  return worker > 0 ? { worker } : {};
}
