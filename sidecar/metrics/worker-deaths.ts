import type { Registry } from 'prom-client';
import { counter } from './read-on-scrape';

/** Registers how many workers have died, which their primary knows. */
export function registerWorkerDeaths(registry: Registry, deaths: () => number): void {
  counter(
    registry,
    'ws_bridge_worker_deaths_total',
    'Workers that died and were not told to; not exported by a bridge of one process.',
    deaths,
  );
}
