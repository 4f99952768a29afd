import type { Logger } from 'pino';
import { METRICS } from '../../workers/messages';
import type { PrimaryChannel } from '../../workers/primary-channel';
import { createBridge } from '../bridge';
import { workerSettings, type Settings } from '../settings/settings';
import { AskedReplayGuard } from './asked-guard';
import { READINESS, RETIRE, type ToPrimary, type ToWorker } from './messages';

/** A worker's surroundings. */
export interface WorkerOptions {
  readonly log: Logger;
  readonly droppedLogLines: () => number;
  readonly primary: PrimaryChannel<ToPrimary, ToWorker>;
  /** The primary has asked for the end, and it is there. */
  readonly onStopped: () => void;
}

/** Runs a whole bridge as one of several workers, until the primary ends it. */
export async function serveAsWorker(
  settings: Settings,
  { log, droppedLogLines, primary, onStopped }: WorkerOptions,
): Promise<void> {
  const send = primary.send.bind(primary);
  const replayGuard = new AskedReplayGuard(send, settings.handshakeTimeoutMs);
  const bridge = createBridge(workerSettings(settings), { log, droppedLogLines, replayGuard });
  const port = await bridge.startAsWorker();
  const answers = {
    [METRICS]: () => bridge.registry.getMetricsAsJSON(),
    [READINESS]: () => bridge.readiness,
    [RETIRE]: () => {
      bridge.retire();
      return true;
    },
  };
  primary.ready(port, answers, (message) => {
    switch (message.type) {
      case 'accepted':
        replayGuard.take(message);
        return;
      case 'drain':
        void bridge.drain().then(onStopped);
        return;
      case 'close':
        void bridge.close().then(onStopped);
    }
  });
}
