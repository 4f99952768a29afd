import type { GapReason } from '../protocol/frames';
import type { Ring } from './ring';

/** Up to where a client has got its frames (PROTOCOL.md §5). */
export interface ResumePoint {
  /** Which count it is. */
  readonly epoch: string;
  /** How far it got: the offset of the frame that comes next. */
  readonly offset: number;
}

const POINT = /^([A-Za-z0-9_-]{1,128})\.(\d{1,16})$/;

/** Parses `<epoch>.<offset>`. @returns undefined when it is not well formed */
export function parseResumePoint(text: string): ResumePoint | undefined {
  const [, epoch, digits] = POINT.exec(text) ?? [];
  const offset = Number(digits);
  if (epoch === undefined || !Number.isSafeInteger(offset)) return undefined;
  return { epoch, offset };
}

/** How a connection begins. */
export type Beginning<Item> =
  /** Nothing was asked for: from now on. */
  | { readonly kind: 'fresh' }
  /** The frames that were missed, the first of them at `offset`. */
  | { readonly kind: 'resumed'; readonly offset: number; readonly missed: readonly Item[] }
  | { readonly kind: 'gap'; readonly reason: GapReason };

/** Decides what a client gets that asks to go on at `point`, in a count named `epoch`. */
export function beginAt<Item>(
  point: ResumePoint | undefined,
  epoch: string,
  ring: Pick<Ring<Item>, 'start' | 'end' | 'since'>,
): Beginning<Item> {
  if (point === undefined) return { kind: 'fresh' };
  const { offset } = point;
  if (point.epoch !== epoch || offset > ring.end) return { kind: 'gap', reason: 'unknown' };
  const missed = ring.since(offset);
  return missed === undefined ? { kind: 'gap', reason: 'expired' } : { kind: 'resumed', offset, missed };
}
