import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { refreshSlots } from '../../redis/slot-refresh';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

class FakeCluster extends EventEmitter {
  refreshes = 0;
  refreshSlotsCache(): void {
    this.refreshes += 1;
  }
}

it('a map of slots is read anew at its interval while the cluster is there, and no timer outlives it', () => {
  const cluster = new FakeCluster();
  refreshSlots(cluster, 100);
  expect(jest.getTimerCount()).toBe(0);
  for (const end of ['close', 'disconnecting', 'end']) {
    cluster.refreshes = 0;
    cluster.emit('ready');
    cluster.emit('ready');
    jest.advanceTimersByTime(350);
    expect(cluster.refreshes).toBe(3);
    cluster.emit(end);
    expect(jest.getTimerCount()).toBe(0);
  }
});
