import { processLog } from '../../stdio/process-log';
import { PrimaryChannel } from '../../workers/primary-channel';
import { parseSettings } from '../settings/settings';
import { WORKER_VARIABLE, type ToPrimary, type ToWorker } from '../workers/messages';
import { serveAsWorker } from '../workers/worker';

// Not a command: a ws-bridge with BRIDGE_WORKERS starts it.
const primary = new PrimaryChannel<ToPrimary, ToWorker>();

// The primary has read the same environment.
const settings = parseSettings(process.env);
const { log, droppedLines, settle } = processLog(settings.logLevel, {
  name: 'ws-bridge',
  worker: Number(process.env[WORKER_VARIABLE]),
});

serveAsWorker(settings, {
  ...{ log, droppedLogLines: droppedLines, primary },
  onStopped: () => void settle().then(() => process.exit(0)),
}).catch(async (error: unknown) => {
  await primary.failed(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
