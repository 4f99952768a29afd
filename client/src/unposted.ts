/** So long the messages of one stream wait for those of the stream before it: a request that hangs holds nobody up for all of its time. */
export const MAX_WAIT_MS = 5_000;

/** The messages that streams still post once they are closed. Those of the stream that took over come behind them. */
export class Unposted {
  readonly #rests = new Map<string, Promise<void>>();

  /**
   * A stream was closed.
   * @param place where its messages go
   * @param rest resolves once they are out
   */
  keep(place: string, rest: Promise<void>): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, MAX_WAIT_MS);
    });
    const over = Promise.race([rest, late]).then(() => {
      clearTimeout(timer);
      if (this.#rests.get(place) === over) this.#rests.delete(place);
    });
    this.#rests.set(place, over);
  }

  /** Resolves once those to a place are out, or were waited for long enough. */
  before(place: string): Promise<void> {
    return this.#rests.get(place) ?? Promise.resolve();
  }
}
