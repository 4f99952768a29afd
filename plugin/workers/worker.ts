import type { Logger } from 'pino';
import { collectProcessMetrics, registry } from '../metrics/metrics';
import { startOn, type PluginServer } from '../server/plugin-server';
import type { InstanceMaker } from '../server/instance-maker';
import type { ToPrimary, ToWorker, WorkerSettings } from './messages';
import { SharedInstances } from './shared-instances';

/** The connection to the primary: `process` of a worker. */
export interface PrimaryChannel {
  send(message: ToPrimary): void;
  onMessage(take: (message: ToWorker) => void): void;
}

/** What a worker serves. */
export interface WorkerOptions {
  readonly settings: WorkerSettings;
  readonly pluginName: string;
  readonly make: InstanceMaker;
  readonly log: Logger;
  readonly primary: PrimaryChannel;
  /** All calls are over, and the primary has asked for the end. */
  readonly onStopped: () => void;
}

/** Serves Kong as one of several workers, until the primary ends it. */
export async function serveAsWorker(
  options: WorkerOptions,
): Promise<{ readonly server: PluginServer; readonly instances: SharedInstances }> {
  const { settings, pluginName, make, log, primary, onStopped } = options;
  const instances = new SharedInstances(make, (message) => {
    primary.send(message);
  });
  const server = await startOn(settings.socketName, { pluginName, instances, log });
  if (settings.hasMetrics) collectProcessMetrics();
  primary.onMessage((message) => {
    switch (message.type) {
      case 'instance':
      case 'removed':
        instances.take(message);
        return;
      case 'collect':
        void registry.getMetricsAsJSON().then((snapshot) => {
          primary.send({ type: 'metrics', snapshot });
        });
        return;
      case 'stop':
        void server.close(message.timeoutMs).then(onStopped);
    }
  });
  primary.send({ type: 'ready' });
  return { server, instances };
}
