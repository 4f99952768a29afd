import { MAX_BATCH_BYTES } from './write-batch';
import { HeldCount } from './held-back';
import { LoopShares, type Owner, type Steps } from '../lib/loop-shares';
import type { FlushDelay } from './flush-delay';
import { FrameList } from './frame-list';

/** Something that frames wait in until the turn ends. */
export interface Waiting {
  /** Whose it is. */
  readonly owner: Owner;
  /** How much waits. */
  readonly bytes: number;
  /** Writes it. */
  flush(): void;
}

/**
 * So many small writes at a stretch. By number and not by time: on a busy machine turns would be cut that are short, and gathered
 * less each frame costs more.
 */
export const MAX_SMALL_WRITES = 1024;

/**
 * Gathers what comes for sockets and ends with one write for each: at the end of the event loop's turn when the
 * loop has time, later when it is busy. Large writes, and small ones for very many sockets, go out in the loop's shares: frames
 * for many sockets of one tenant hold up nobody else.
 */
export class FlushScheduler {
  /** What its sockets hold back. */
  readonly heldCount = new HeldCount();
  readonly #flushDelay: FlushDelay;
  readonly #onWritten: (lagMs: number) => void;
  readonly #shares: LoopShares;
  readonly #nowMs: () => number;
  /** Of what takes no time. */
  readonly #owner = Symbol('turn');
  #waiting: Waiting[] = [];
  #empty = FrameList.empty();
  #beganAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onWritten told of the time from a turn's first frame to the last of its writes, in milliseconds
   * @param nowMs milliseconds of a clock that nobody sets
   */
  constructor(
    flushDelay: FlushDelay,
    onWritten: (lagMs: number) => void = () => undefined,
    shares = LoopShares.uncut(),
    nowMs = (): number => performance.now(),
  ) {
    this.#flushDelay = flushDelay;
    this.#onWritten = onWritten;
    this.#shares = shares;
    this.#nowMs = nowMs;
  }

  /** Asks for {@link Waiting.flush} at the end of the turn. @returns the empty list, shared by all in this turn */
  join(waiting: Waiting): FrameList {
    if (this.#waiting.push(waiting) === 1) this.#begin();
    return this.#empty;
  }

  /** Does something when its owner has a share of the loop's time. */
  once(owner: Owner, step: () => void): void {
    this.#shares.once(owner, step);
  }

  /** Ends the turn now: writes what is small, for not too many sockets, and leaves the rest to the shares. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    // What was put together is not kept longer than its turn.
    this.#empty = FrameList.empty();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waiting.length === 0) return;
    const beganAtMs = this.#beganAtMs;
    const fromMs = this.#nowMs();
    const left: Waiting[] = [];
    let written = 0;
    for (const each of waiting) {
      if (written === MAX_SMALL_WRITES || each.bytes > MAX_BATCH_BYTES) left.push(each);
      else {
        each.flush();
        written += 1;
      }
    }
    const nowMs = this.#nowMs();
    this.#flushDelay.wrote(fromMs, nowMs);
    if (left.length === 0) this.#onWritten(nowMs - beganAtMs);
    else this.#share(left, beganAtMs);
  }

  /** What is left of a turn: each owner's goes on by itself. What comes for one that is left is written with it. */
  #share(left: readonly Waiting[], beganAtMs: number): void {
    const byOwner = new Map<Owner, Waiting[]>();
    for (const each of left) {
      const own = byOwner.get(each.owner);
      if (own === undefined) byOwner.set(each.owner, [each]);
      else own.push(each);
    }
    let unwritten = byOwner.size;
    const onOver = (): void => {
      unwritten -= 1;
      if (unwritten === 0) this.#onWritten(this.#nowMs() - beganAtMs);
    };
    // In one step: the first of them would have a whole slice before the next one is there.
    this.#shares.once(this.#owner, () => {
      for (const [owner, own] of byOwner) this.#shares.run(owner, flushes(own, onOver));
    });
  }

  #begin(): void {
    this.#beganAtMs = this.#nowMs();
    const delayMs = this.#flushDelay.delayMs(this.#beganAtMs);
    const end = (): void => {
      this.end();
    };
    if (delayMs > 0) this.#timer = setTimeout(end, delayMs);
    else setImmediate(end);
  }
}

/** One flush a step. */
function* flushes(waiting: readonly Waiting[], onOver: () => void): Steps {
  for (const [index, each] of waiting.entries()) {
    each.flush();
    if (index < waiting.length - 1) yield;
  }
  onOver();
}
