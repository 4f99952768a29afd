import type { Registry } from 'prom-client';
import { counter } from './read-on-scrape';

/** Registers how many lines a process's log has dropped: its own, and those of workers that it hands on. */
export function registerDroppedLines(registry: Registry, droppedLines: () => number): void {
  counter(
    registry,
    'ws_bridge_log_lines_dropped_total',
    'Log lines that were dropped because standard output was not read.',
    droppedLines,
  );
}
