import { outgoingText, type Outgoing } from '../../../sidecar/fanout/frame';
import { batchLength, MAX_BATCH_BYTES } from '../../../sidecar/fanout/write-batch';

/** A message whose bytes on the wire are so many. */
function item(bytes: number): Outgoing {
  const made = outgoingText('x'.repeat(bytes - 4), 'note');
  expect(made.wire).toHaveLength(bytes);
  return made;
}

describe('one write', () => {
  const HALF = MAX_BATCH_BYTES / 2;

  it('is up to as many bytes as it may have', () => {
    expect(batchLength([item(HALF), item(HALF), item(500)], 0)).toBe(2);
    expect(batchLength([item(HALF), item(HALF + 1), item(500)], 0)).toBe(1);
  });

  it('ends where nothing more waits', () => {
    const items = [item(500), item(500), item(500)];
    expect([0, 1, 2].map((start) => batchLength(items, start))).toEqual([3, 2, 1]);
  });
});
