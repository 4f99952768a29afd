import { MAX_BATCH_BYTES } from './write-batch';
import { HeldCount } from './held-back';
import { LoopShares, type Owner, type Steps } from '../lib/loop-shares';
import type { FlushDelay } from './flush-delay';
import { FrameList } from './frame-list';

/** Something that frames wait in until the flush. */
export interface Waiting {
  /** Whose it is. */
  readonly owner: Owner;
  /** How much waits. */
  readonly bytes: number;
  /** Writes it. */
  flush(): void;
}

/**
 * So many small writes at a stretch. They are bounded by number and not by time: on a busy machine short flushes would
 * be cut. Frames that are gathered less cost more.
 */
export const MAX_SMALL_WRITES = 1024;
/** So many of a flush that is cut anyway, because more than {@link MAX_SMALL_WRITES} sockets wait. Their delivery took its time already. */
export const SMALL_WRITES_OF_MANY = 256;

/**
 * Gathers the frames for sockets, and flushes each socket with one write. It flushes at the end of the event loop's
 * turn when the loop has time, later when it is busy. Large writes, and small ones for very many sockets, go out in the
 * loop's shares. So frames for many sockets of one tenant hold up nobody else.
 */
export class FlushScheduler {
  /** Counts the messages that its sockets hold back. */
  readonly heldCount = new HeldCount();
  readonly #flushDelay: FlushDelay;
  readonly #onWritten: (lagMs: number) => void;
  readonly #shares: LoopShares;
  readonly #nowMs: () => number;
  /** The owner of steps that take no time. */
  readonly #owner = Symbol('turn');
  #waiting: Waiting[] = [];
  #empty = FrameList.empty();
  #beganAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onWritten told of the time from a flush's first frame to the last of its writes, in milliseconds
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

  /** Asks for {@link Waiting.flush} at the next flush. @returns the empty list, shared by all in this turn */
  join(waiting: Waiting): FrameList {
    if (this.#waiting.push(waiting) === 1) this.#begin();
    return this.#empty;
  }

  /** Does something when its owner has a share of the loop's time. */
  once(owner: Owner, step: () => void): void {
    this.#shares.once(owner, step);
  }

  /** Flushes now: writes small amounts, for not too many sockets, and leaves the rest to the shares. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    // Frames that were put together are not kept longer than until their flush.
    this.#empty = FrameList.empty();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (waiting.length === 0) return;
    const beganAtMs = this.#beganAtMs;
    const fromMs = this.#nowMs();
    const left: Waiting[] = [];
    const most = waiting.length > MAX_SMALL_WRITES ? SMALL_WRITES_OF_MANY : MAX_SMALL_WRITES;
    let written = 0;
    for (const each of waiting) {
      if (written === most || each.bytes > MAX_BATCH_BYTES) left.push(each);
      else {
        each.flush();
        written += 1;
      }
    }
    const nowMs = this.#nowMs();
    // One that is cut counts as long as the most writes at a stretch: it gathers as much as others.
    const times = written === most ? MAX_SMALL_WRITES / written : 1;
    this.#flushDelay.wrote(nowMs - (nowMs - fromMs) * times, nowMs);
    if (left.length === 0) this.#onWritten(nowMs - beganAtMs);
    else this.#share(left, beganAtMs);
  }

  /**
   * Leaves the sockets that are left of a flush to the shares: each owner's go on by themselves. Frames that come for
   * one of them meanwhile are written with it.
   */
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
