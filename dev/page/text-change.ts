/** A change of a text: at a place, so many UTF-16 units removed, then a text inserted. */
export interface TextChange {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** One step of a remote change, as Yjs tells it. */
export interface DeltaStep {
  readonly retain?: number | undefined;
  readonly insert?: unknown;
  readonly delete?: number | undefined;
}

/** The smallest change in one place that makes one text the other; undefined when they are the same. */
export function changeBetween(before: string, after: string): TextChange | undefined {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  // A character of two units is changed as a whole: half of one is no text.
  if (isHighSurrogate(before, start - 1)) start -= 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  if (isLowSurrogate(before, before.length - end)) end -= 1;
  return { at: start, remove: before.length - start - end, insert: after.slice(start, after.length - end) };
}

/** Where a caret is after others have changed the text: it stays with the characters before it. */
export function caretAfter(caret: number, delta: readonly DeltaStep[]): number {
  let at = 0;
  let moved = caret;
  for (const { retain = 0, insert, delete: removed = 0 } of delta) {
    at += retain;
    if (at > moved) break;
    const inserted = typeof insert === 'string' ? insert.length : 0;
    if (at < moved) moved += inserted;
    at += inserted;
    moved -= Math.min(removed, Math.max(0, moved - at));
  }
  return moved;
}

function isHighSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}
