import type { Logger } from 'pino';
import { METRICS } from '../../workers/messages';
import type { PrimaryChannel } from '../../workers/primary-channel';
import { collectProcessMetrics, registry } from '../metrics/metrics';
import { startOn, type PluginServer } from '../server/plugin-server';
import type { InstanceMaker } from '../server/instance-maker';
import type { ToPrimary, ToWorker, WorkerSettings } from './messages';
import { SharedInstances } from './shared-instances';

/** A worker's plugin and its settings. */
export interface WorkerOptions {
  readonly settings: WorkerSettings;
  readonly pluginName: string;
  readonly make: InstanceMaker;
  readonly log: Logger;
  readonly primary: PrimaryChannel<ToPrimary, ToWorker>;
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
  primary.ready(undefined, { [METRICS]: () => registry.getMetricsAsJSON() }, (message) => {
    if (message.type === 'stop') void server.close(message.timeoutMs).then(onStopped);
    else instances.take(message);
  });
  return { server, instances };
}
