import { setTimeout as idle } from 'node:timers/promises';
import { loopUtilization } from '../../../sidecar/fanout/flush-delay';

function work(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs;);
}

describe('the utilisation of the event loop', () => {
  it('is that since it was last asked', async () => {
    const utilization = loopUtilization();
    work(10);
    expect(utilization()).toBeGreaterThan(0.9);
    await idle(30);
    expect(utilization()).toBeLessThan(0.9);
    work(10);
    expect(utilization()).toBeGreaterThan(0.9);
  });
});
