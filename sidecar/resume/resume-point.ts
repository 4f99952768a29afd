import type { GapReason } from '../../protocol/frames';

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

/** The frames that were missed, the first of them at `offset`. */
export interface Replay<Item> {
  readonly kind: 'resumed';
  readonly offset: number;
  readonly missed: readonly Item[];
}

/** The point cannot be honoured. */
export interface Gap<Reason extends GapReason = GapReason> {
  readonly kind: 'gap';
  readonly reason: Reason;
}

/** Asks for all that is kept, in the place of a point. */
export const OLDEST = 'oldest';

/** From where a client asks for frames; undefined when it asks for none from before. */
export type ResumeFrom = ResumePoint | typeof OLDEST | undefined;

/** The items that are kept of a sequence: FrameRing has it so. */
export interface Kept<Item> {
  /** The offset of the oldest item that is kept. */
  readonly start: number;
  /** The offset of the item that comes next. */
  readonly end: number;
  /** Every item from `offset` on, or undefined when one of them is not kept or never was. */
  since(offset: number): readonly Item[] | undefined;
}

/** The items that were missed since `point`, in a count named `epoch`. */
export function replayFrom<Item>(
  point: ResumePoint,
  epoch: string,
  ring: Kept<Item>,
): Replay<Item> | Gap<'unknown' | 'expired'> {
  const { offset } = point;
  const reason = lackAt(point, epoch, ring);
  if (reason !== undefined) return { kind: 'gap', reason };
  return { kind: 'resumed', offset, missed: ring.since(offset) ?? [] };
}

/** Why not all items since `point` are kept, in a count named `epoch`; undefined when they are. */
export function lackAt(
  point: ResumePoint,
  epoch: string,
  { start, end }: Pick<Kept<unknown>, 'start' | 'end'>,
): 'unknown' | 'expired' | undefined {
  if (point.epoch !== epoch || point.offset > end) return 'unknown';
  return point.offset < start ? 'expired' : undefined;
}

const EPOCH = /^([0-9a-f]{16})_[0-9a-z]+$/;

/** An epoch's name: the `count`th of a bridge. */
export function epochOf(bridgeId: string, count: number): string {
  return `${bridgeId}_${count.toString(36)}`;
}

/** The bridge that an epoch names. @returns undefined when no bridge made it */
export function bridgeOf(epoch: string): string | undefined {
  return EPOCH.exec(epoch)?.[1];
}
