import type { Registry } from 'prom-client';
import { counter } from './read-on-scrape';

/** The workers that are lost so far. */
export interface LostWorkers {
  readonly deaths: number;
  readonly hangs: number;
}

/** Registers how many workers have died, and how many of them hung. Their primary knows both. */
export function registerWorkerDeaths(registry: Registry, lost: LostWorkers): void {
  counter(
    registry,
    'ws_bridge_worker_deaths_total',
    'Workers that died and were not told to; not exported by a bridge of one process.',
    () => lost.deaths,
  );
  counter(
    registry,
    'ws_bridge_worker_hangs_total',
    'Workers that did not answer their primary and were killed; not exported by a bridge of one process.',
    () => lost.hangs,
  );
}
