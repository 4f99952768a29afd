import { PrimaryChannel } from '../../workers/primary-channel';
import { Name, Plugin } from '../index';
import { log, settle } from '../lib/log';
import { exportLimitedTenants, exportServerLoad } from '../metrics/metrics';
import { instanceMaker } from '../server/instance-maker';
import { closeStores } from '../store/held-stores';
import type { ToPrimary, ToWorker, WorkerSettings } from '../workers/messages';
import { serveAsWorker } from '../workers/worker';

// Not a command: `ws-gatekeeper --workers` starts it.
const primary = new PrimaryChannel<ToPrimary, ToWorker>();

serve(JSON.parse(process.argv[2] ?? '') as WorkerSettings).catch((cause: unknown) => {
  log.fatal({ reason: (cause as Error).message }, 'a worker cannot start');
  void settle().then(() => process.exit(1));
});

async function serve(settings: WorkerSettings): Promise<void> {
  const { server, instances } = await serveAsWorker({
    ...{ settings, log, pluginName: Name },
    make: instanceMaker((config) => new Plugin(config), log),
    primary,
    onStopped: () => void end(),
  });
  exportServerLoad(() => {
    const { connections, callsInFlight } = server;
    return { connections, callsInFlight, instances: instances.size };
  });
  exportLimitedTenants(settings.metricsMaxTenants);
}

async function end(): Promise<void> {
  closeStores();
  await settle();
  process.exit();
}
