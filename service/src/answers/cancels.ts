import type { Cancel } from './command-group';
import type { Held } from './held';

/** How many are remembered. */
const MAX_REMEMBERED = 10_000;
/** For how long: a command may be taken over after its cancel. */
const REMEMBERED_MS = 60_000;

/** Which answers are wanted no longer. A cancel may come before its command, of which another worker died. */
export class Cancels {
  readonly #monotonicMs: () => number;
  /** The latest of each command, oldest first. */
  readonly #told = new Map<string, { readonly entryId: string; readonly atMs: number }>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  add({ entryId, session, id }: Cancel): void {
    const name = nameOf(session, id);
    const known = this.#told.get(name);
    if (known !== undefined && !isBefore(known.entryId, entryId)) return;
    this.#told.delete(name);
    this.#told.set(name, { entryId, atMs: this.#monotonicMs() });
    this.#forget();
  }

  /** Whether a command was cancelled. A cancel counts for commands before it: an id may be used again. */
  has({ command: { session, id }, delivery }: Held): boolean {
    const told = id === undefined ? undefined : this.#told.get(nameOf(session, id));
    return told !== undefined && isBefore(delivery.entryId, told.entryId);
  }

  #forget(): void {
    const before = this.#monotonicMs() - REMEMBERED_MS;
    for (const [name, { atMs }] of this.#told) {
      if (atMs > before && this.#told.size <= MAX_REMEMBERED) return;
      this.#told.delete(name);
    }
  }
}

/** A session has no space. */
function nameOf(session: string, id: string): string {
  return `${session} ${id}`;
}

/** Whether one entry of a stream is before another. */
export function isBefore(one: string, other: string): boolean {
  const [ms = 0, sequence = 0] = one.split('-').map(Number);
  const [otherMs = 0, otherSequence = 0] = other.split('-').map(Number);
  return ms < otherMs || (ms === otherMs && sequence < otherSequence);
}
