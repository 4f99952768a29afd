import type { Registry } from 'prom-client';
import { createMetrics } from '../../sidecar/metrics/metrics';
import { registerWorkerDeaths } from '../../sidecar/metrics/worker-deaths';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';

/** The metrics of a bridge that has just started, with every option on. */
export function bridgeRegistry(): Registry {
  const { registry } = createMetrics({
    routes: DEFAULT_ROUTES.map(({ name }) => name),
    held: {
      version: '1.2.3',
      subscriptions: () => 0,
      streams: () => 0,
      ringBytes: () => 0,
      unsentBytes: () => 0,
      unfinishedBytes: () => 0,
      lingeringStreams: () => 0,
      sessions: () => 0,
      locks: () => 0,
      undecidedUpgrades: () => 0,
      relayBacklogBytes: () => 0,
      redis: () => ({ commands: true, subscriber: true, publisher: true, relays: true }),
      delivers: () => ({ subscriber: true, relays: true }),
      accepting: () => true,
      droppedLogLines: () => 0,
      caps: { connections: 0, subscriptions: 0, ringBytes: 0, unsentBytes: 0, unfinishedBytes: 0 },
    },
    maxTenants: 1,
  });
  registerWorkerDeaths(registry, { deaths: 0, hangs: 0 });
  return registry;
}
