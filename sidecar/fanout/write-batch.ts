import type { Outgoing } from './frame';

/** A write of several frames is up to so many bytes; a larger frame is a write of its own. */
export const MAX_BATCH_BYTES = 65_536;

/** The bytes of one write. */
export interface WriteBatch {
  readonly wire: Buffer;
  readonly items: readonly Outgoing[];
  /** Data frames in it, and the bytes of their payloads. */
  readonly frames: number;
  readonly payloadBytes: number;
}

/** How many of the items from `start` on go into one write: at least one of them. */
export function batchLength(items: readonly Outgoing[], start: number): number {
  let bytes = items[start]?.wire.length ?? 0;
  let end = start + 1;
  for (; end < items.length; end += 1) {
    bytes += items[end]?.wire.length ?? 0;
    if (bytes > MAX_BATCH_BYTES) break;
  }
  return end - start;
}

/** Puts items into one write. One item alone is not copied. */
export function batchOf(items: readonly Outgoing[]): WriteBatch {
  let frames = 0;
  let payloadBytes = 0;
  for (const item of items) {
    if (item.kind !== 'data') continue;
    frames += 1;
    payloadBytes += item.payloadBytes;
  }
  const [first, ...others] = items;
  const wire =
    first !== undefined && others.length === 0 ? first.wire : Buffer.concat(items.map((item) => item.wire));
  return { wire, items, frames, payloadBytes };
}
