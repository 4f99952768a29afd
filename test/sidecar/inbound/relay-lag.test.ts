import { describe, expect, it } from '@jest/globals';
import { RelayLag } from '../../../sidecar/inbound/relay-lag';

/** A lag of 400 bytes at most, and the proofs that it asked for. */
function lagging() {
  const proofs: (() => void)[] = [];
  const lag = new RelayLag(400, () => {
    return new Promise((resolve) => proofs.push(resolve));
  });
  return { lag, proofs, arrive: () => proofs.shift()?.() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what clients send to their peers', () => {
  it('is proven to arrive each quarter of what may be on the way, and not before', async () => {
    const { lag, proofs, arrive } = lagging();
    lag.published('a', 99);
    expect(proofs).toHaveLength(0);
    lag.published('a', 1);
    lag.published('a', 99);
    expect(proofs).toHaveLength(1);
    arrive();
    await settled();
    expect([proofs.length, lag.bytes]).toEqual([0, 99]);
    lag.published('a', 1);
    expect(proofs).toHaveLength(1);
  });

  it('holds its tenant once too much is on the way, until it has arrived', async () => {
    const { lag, arrive } = lagging();
    lag.published('a', 100);
    lag.published('a', 299);
    expect(lag.holds('a')).toBe(false);
    lag.published('a', 1);
    expect(lag.holds('a')).toBe(true);
    let released = false;
    const release = lag.released('a').then(() => (released = true));
    await settled();
    expect(released).toBe(false);
    arrive();
    await release;
    expect(lag.holds('a')).toBe(false);
  });

  it('is not forgotten by the proof of what was sent before it', async () => {
    const { lag, proofs, arrive } = lagging();
    lag.published('a', 100);
    lag.published('a', 500);
    let released = false;
    void lag.released('a').then(() => (released = true));
    arrive();
    await settled();
    expect([released, lag.bytes, proofs.length]).toEqual([false, 500, 1]);
    arrive();
    await settled();
    expect([released, lag.bytes, proofs.length]).toEqual([true, 0, 0]);
  });

  it('holds no tenant that has less than its share of it', () => {
    const { lag } = lagging();
    lag.published('a', 390);
    lag.published('b', 10);
    expect([lag.holds('a'), lag.holds('b'), lag.holds('c')]).toEqual([true, false, false]);
    lag.published('b', 190);
    expect(lag.holds('b')).toBe(true);
  });
});
