import { isEnd, type Heard } from '../service/answers/fixture';

/** Adds and hears commands of many sessions, and keeps account of what came of each. */
export class AnswerAccount {
  /** By the id of the command, in the order of their first frames. */
  readonly frames = new Map<string, Heard[]>();
  ends = 0;
  readonly #addedMs = new Map<string, number>();
  readonly #firstMs = new Map<string, number>();
  readonly #endMs = new Map<string, number>();

  /** @param entryId which begins with the time at which Redis had it */
  added(id: string, entryId: string): void {
    this.#addedMs.set(id, Number(entryId.split('-')[0]));
  }

  hear(text: string): void {
    const frame = JSON.parse(text) as Heard;
    const { id = '' } = frame;
    const before = this.frames.get(id);
    if (before === undefined) {
      this.frames.set(id, [frame]);
      this.#firstMs.set(id, Date.now());
    } else before.push(frame);
    if (!isEnd(frame)) return;
    this.ends += 1;
    this.#endMs.set(id, Date.now());
  }

  /** From when Redis had a command to its first frame, of all whose id begins so, the shortest first. */
  waitsMs(prefix: string): number[] {
    const ids = [...this.#firstMs.keys()].filter((id) => id.startsWith(prefix));
    return sorted(ids.map((id) => (this.#firstMs.get(id) ?? 0) - (this.#addedMs.get(id) ?? 0)));
  }

  /** From when Redis had the cancel of a command to the end of its answer, the shortest first. @param cancels by the id of the command */
  stopsMs(cancels: ReadonlyMap<string, string>): number[] {
    return sorted(
      [...cancels].map(
        ([id, cancel]) => (this.#endMs.get(id) ?? Infinity) - (this.#addedMs.get(cancel) ?? 0),
      ),
    );
  }

  /** How many whose id begins with one prefix had their first frame before the last of the other did. */
  begunBefore(prefix: string, last: string): number {
    const ids = [...this.frames.keys()];
    const end = ids.findLastIndex((id) => id.startsWith(last));
    return ids.slice(0, end).filter((id) => id.startsWith(prefix)).length;
  }

  /** `complete`, or the code of the error. */
  outcome(id: string): string {
    const last = this.frames.get(id)?.at(-1);
    return last?.type === 'error' ? String(last.data['code']) : String(last?.type);
  }
}

/** One that so many in a hundred are no longer than; 0 of none. */
export function percentile(sortedMs: readonly number[], percent: number): number {
  const index = Math.min(sortedMs.length - 1, Math.floor((sortedMs.length * percent) / 100));
  return sortedMs[index] ?? 0;
}

function sorted(ms: readonly number[]): number[] {
  return [...ms].sort((one, other) => one - other);
}
