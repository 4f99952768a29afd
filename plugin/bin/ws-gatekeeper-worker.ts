import cluster from 'node:cluster';
import { Name, Plugin } from '../index';
import { log, settle } from '../lib/log';
import { exportLimitedTenants, exportServerLoad } from '../metrics/metrics';
import { instanceMaker } from '../server/instance-maker';
import { closeStores } from '../store/held-stores';
import type { ToPrimary, ToWorker, WorkerSettings } from '../workers/messages';
import { serveAsWorker } from '../workers/worker';

// Not a command: `ws-gatekeeper --workers` starts it. Whatever signals a whole group or terminal, the primary ends the workers.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);

// The primary is gone, and with it the socket.
cluster.worker?.on('error', () => process.exit(1));

serve(JSON.parse(process.argv[2] ?? '') as WorkerSettings).catch((cause: unknown) => {
  log.fatal({ reason: (cause as Error).message }, 'a worker cannot start');
  void settle().then(() => process.exit(1));
});

async function serve(settings: WorkerSettings): Promise<void> {
  const { server, instances } = await serveAsWorker({
    ...{ settings, log, pluginName: Name },
    make: instanceMaker((config) => new Plugin(config), log),
    primary: {
      send: (message: ToPrimary) => process.send?.(message, undefined, undefined, () => undefined),
      onMessage: (take) =>
        process.on('message', (message) => {
          take(message as ToWorker);
        }),
    },
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
