import { describe, expect, it } from '@jest/globals';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { GatheredMetrics } from '../../workers/gathered-metrics';
import type { MetricsSnapshot } from '../../workers/messages';

/** The metrics of a process that decided so often and has so many connections. */
async function snapshot(decided: number, connections: number): Promise<MetricsSnapshot> {
  const registers = [new Registry()];
  const counter = new Counter({ name: 'decided', help: 'h', labelNames: ['outcome'], registers });
  counter.inc({ outcome: 'admitted' }, decided);
  new Gauge({ name: 'open', help: 'h', registers }).set(connections);
  const histogram = new Histogram({ name: 'took', help: 'h', buckets: [1], registers });
  for (let i = 0; i < decided; i += 1) histogram.observe(0.5);
  const [registry] = registers;
  // As it arrives from another process.
  return JSON.parse(JSON.stringify(await registry?.getMetricsAsJSON())) as MetricsSnapshot;
}

const samples = (text: string) => text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('the metrics of several workers', () => {
  it('are one process, with the labels of one', async () => {
    const metrics = new GatheredMetrics();
    metrics.set(1, await snapshot(2, 10));
    metrics.set(2, await snapshot(3, 20));
    expect(samples(await metrics.text(await snapshot(0, 0)))).toEqual([
      'decided{outcome="admitted"} 5',
      'open 30',
      'took_bucket{le="1"} 5',
      'took_bucket{le="+Inf"} 5',
      'took_sum 2.5',
      'took_count 5',
    ]);
  });

  it('count on when workers have died, while what they held is gone', async () => {
    const metrics = new GatheredMetrics();
    for (const process of [1, 2]) {
      metrics.set(process, await snapshot(2, 10));
      metrics.bury(process);
    }
    metrics.bury(7);
    metrics.set(3, await snapshot(1, 4));
    expect(samples(await metrics.text([]))).toEqual(
      expect.arrayContaining(['decided{outcome="admitted"} 5', 'open 4', 'took_count 5']),
    );
  });
});
