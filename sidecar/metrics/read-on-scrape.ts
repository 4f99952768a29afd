import { Counter, Gauge, type Registry } from 'prom-client';

/** How several workers' values become one. */
export type Aggregator = 'sum' | 'min' | 'max';

/** Registers a gauge that is read whenever Prometheus asks. */
export function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number,
  aggregator: Aggregator = 'sum',
): void {
  new Gauge({
    name,
    help,
    aggregator,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

/**
 * Registers a gauge that is read whenever Prometheus asks, with one series a connection to Redis: 1 for true, 0 for false. With
 * several workers it is 1 when it is in each.
 */
export function gaugeByConnection(
  registry: Registry,
  name: string,
  help: string,
  read: () => Readonly<Record<string, boolean>>,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['connection'],
    aggregator: 'min',
    registers: [registry],
    collect() {
      for (const [connection, up] of Object.entries(read())) this.set({ connection }, Number(up));
    },
  });
}

/** Registers a counter that is read whenever Prometheus asks. */
export function counter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}
