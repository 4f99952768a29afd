/** From where frames are counted (PROTOCOL.md §5). */
export interface ResumePoint {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * How far one connection has come, and how far the application is ahead of it. A connection that takes over begins at the
 * point at which it was asked for. It repeats what the one before it delivered in the meantime.
 *
 * The bridge's numbers say how much of that is skipped. Numbers that contradict each other say nothing: then no frame is
 * taken for a repeated one. Better twice than not at all.
 */
export class ResumeCursor {
  #epoch: string | undefined;
  #offset = 0;
  #ahead = 0;
  #overtaken = false;
  #isBroken = false;
  /** Whether neither a frame nor a state came since the stream began. */
  lacksState = true;
  /** How many frames from before the client came are still to come. */
  past = 0;

  /** `<epoch>.<offset>`; undefined before the first ready, and after {@link giveUp}. */
  get point(): string | undefined {
    return this.#epoch && `${this.#epoch}.${this.#offset}`;
  }

  /** The point behind all that the application was told; undefined as {@link point}. */
  get told(): string | undefined {
    return this.#epoch && `${this.#epoch}.${this.#offset + this.#ahead}`;
  }

  /** Whether no connection has told where it begins. */
  get isNew(): boolean {
    return this.#epoch === undefined && !this.#isBroken;
  }

  /** How many frames of its epoch came before the next one. */
  get offset(): number {
    return this.#offset;
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
    next.#isBroken = this.#isBroken;
    next.lacksState = this.lacksState;
    next.past = this.past;
    return next;
  }

  /** Another connection delivered a frame that this one will repeat. */
  overtake(): void {
    this.#ahead += 1;
    this.#overtaken = true;
  }

  /** The next connection asks for no point, and whatever comes on it comes after a gap. */
  giveUp(isLost = this.#epoch !== undefined): void {
    this.#isBroken ||= isLost;
    this.#epoch = undefined;
  }

  /**
   * Counting goes on from here, and the bridge says that nothing was lost.
   * @returns whether that can be: not at another offset of the epoch in which it was asked for
   */
  goOn(point: ResumePoint): boolean {
    const isWhole = !this.#isBroken && (point.epoch !== this.#epoch || point.offset === this.#offset);
    if (!isWhole) this.#ahead = this.past = 0;
    this.#adopt(point);
    return isWhole;
  }

  /** A connection begins with a gap: the bridge could not resume, so nothing is repeated. */
  begin(point: ResumePoint): void {
    this.#ahead = this.past = 0;
    this.lacksState = true;
    this.#adopt(point);
  }

  /**
   * Counting goes on after a gap in the midst. In the same epoch the gap tells how many frames it stands for, repeated
   * ones first. In another, or further back, what was repeated until here cannot be told any more.
   */
  restart(point: ResumePoint): void {
    const distance = point.epoch === this.#epoch ? point.offset - this.#offset : -1;
    const skipped = distance < 0 ? Infinity : distance;
    this.lacksState = true;
    this.#ahead = Math.max(0, this.#ahead - skipped);
    this.past = Math.max(0, this.past - skipped);
    this.#adopt(point);
  }

  /**
   * Counts one data frame.
   * @returns whether it is new to the application
   */
  count(): boolean {
    this.#offset += 1;
    this.lacksState = false;
    if (this.past > 0) this.past -= 1;
    if (this.#ahead === 0) return true;
    this.#ahead -= 1;
    return false;
  }

  #adopt({ epoch, offset }: ResumePoint): void {
    this.#epoch = epoch;
    this.#offset = offset;
    this.#isBroken = false;
  }
}
