import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GatekeeperProcess } from './gatekeeper-process';

let gatekeeper: GatekeeperProcess;
beforeEach(async () => {
  gatekeeper = await GatekeeperProcess.start([], 0);
});
afterEach(() => gatekeeper.stop());

const collections = 'nodejs_gc_duration_seconds_count{kind="major"}';

describe('a program whose clock can be set', () => {
  it('collects all garbage, and says what memory is left', async () => {
    const before = (await gatekeeper.sample(collections)) ?? 0;
    const { residentBytes, heapUsedBytes } = await gatekeeper.collectGarbage();
    expect(await gatekeeper.sample(collections)).toBeGreaterThan(before);
    expect(heapUsedBytes).toBeGreaterThan(2 ** 20);
    expect(residentBytes).toBeGreaterThan(heapUsedBytes);
  });

  it('takes one answer for no other', async () => {
    const [, { heapUsedBytes }] = await Promise.all([
      gatekeeper.setClock(1000),
      gatekeeper.collectGarbage(),
      gatekeeper.setClock(-1000),
    ]);
    expect(heapUsedBytes).toBeGreaterThan(0);
  });

  it('that ended says nothing of its memory', async () => {
    gatekeeper.signal('SIGKILL');
    await expect(gatekeeper.collectGarbage()).rejects.toThrow('expected a program that runs');
  });
});
