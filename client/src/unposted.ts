/** So long the messages of one stream wait for those of the stream before it: a request that hangs holds nobody up for all of its time. */
export const MAX_WAIT_MS = 5_000;

/** Takes an acknowledgement, as a control frame. */
export type Hears = (frame: string) => void;

/** The messages that streams still post once they are closed. Those of the stream that took over come behind them. */
export class Unposted {
  readonly #rests = new Map<string, Promise<void>>();
  readonly #streams = new Map<Hears, string>();

  /** A stream whose messages go to this place is open. */
  follow(place: string, hears: Hears): void {
    this.#streams.set(hears, place);
  }

  /** It is closed. */
  leave(hears: Hears): void {
    this.#streams.delete(hears);
  }

  /** Tells those that are open that a message of one that is closed was taken: it would be sent again. */
  acknowledged(place: string, frame: string): void {
    for (const [hears, at] of [...this.#streams]) if (at === place) hears(frame);
  }

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
