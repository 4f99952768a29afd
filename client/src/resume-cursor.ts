/** From where frames are counted (PROTOCOL.md §5). */
export interface ResumePoint {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * How far one connection has come, and how far the application is ahead of it: a connection that takes over begins at
 * the point at which it was asked for, and repeats what the one before it delivered in the meantime.
 */
export class ResumeCursor {
  #epoch: string | undefined;
  #offset = 0;
  #ahead = 0;
  #overtaken = false;

  /** `<epoch>.<offset>`; undefined before the first ready. */
  get point(): string | undefined {
    return this.#epoch && `${this.#epoch}.${this.#offset}`;
  }

  /** Whether another connection delivered something since this one was asked for. */
  get overtaken(): boolean {
    return this.#overtaken;
  }

  /** A cursor for the next connection, which resumes here. */
  fork(): ResumeCursor {
    const next = new ResumeCursor();
    next.#epoch = this.#epoch;
    next.#offset = this.#offset;
    next.#ahead = this.#ahead;
    return next;
  }

  /** Another connection delivered a frame that this one will repeat. */
  overtake(): void {
    this.#ahead += 1;
    this.#overtaken = true;
  }

  /** Counting goes on from here, and nothing was lost. */
  goOn({ epoch, offset }: ResumePoint): void {
    this.#epoch = epoch;
    this.#offset = offset;
  }

  /**
   * Counting goes on after a gap. In the same epoch the gap tells how many frames it stands for, repeated ones first. In
   * another what was repeated until here cannot be told any more; better twice than not at all.
   */
  restart(point: ResumePoint): void {
    const skipped = point.epoch === this.#epoch ? point.offset - this.#offset : Infinity;
    this.#ahead = Math.max(0, this.#ahead - skipped);
    this.goOn(point);
  }

  /**
   * Counts one data frame.
   * @returns whether it is new to the application
   */
  count(): boolean {
    this.#offset += 1;
    if (this.#ahead === 0) return true;
    this.#ahead -= 1;
    return false;
  }
}
