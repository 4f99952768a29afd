import { performance } from 'node:perf_hooks';
import { loopUtilization } from '../../../sidecar/fanout/flush-delay';

/** A loop whose active and idle time a test decides; the difference of two measurements is Node's own. */
class Loop {
  #active = 0;
  #idle = 0;

  works(ms: number): void {
    this.#active += ms;
  }

  rests(ms: number): void {
    this.#idle += ms;
  }

  readonly measured: typeof performance.eventLoopUtilization = (now, last) => {
    if (now !== undefined) return performance.eventLoopUtilization(now, last);
    const [active, idle] = [this.#active, this.#idle];
    return { active, idle, utilization: active / (active + idle) };
  };
}

describe('the utilisation of the event loop', () => {
  it('is that since it was last asked', () => {
    const loop = new Loop();
    loop.works(1000);
    const utilization = loopUtilization(loop.measured);
    loop.works(10);
    expect(utilization()).toBe(1);
    loop.works(10);
    loop.rests(30);
    expect(utilization()).toBe(0.25);
    loop.works(10);
    expect(utilization()).toBe(1);
  });

  it('is measured by Node', () => {
    expect(loopUtilization()()).toBeGreaterThanOrEqual(0);
  });
});
