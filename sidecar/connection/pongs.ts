/** So many pongs may wait to be written; past that only the latest ping is answered. */
export const MAX_WAITING_PONGS = 256;

/** Sends a pong, and calls back once the kernel has it or the socket is gone. */
export type SendPong = (payload: Buffer, onWritten: () => void) => void;

/**
 * The answers to a client's pings. They are bounded, whatever the client takes. An endpoint behind with its pongs "MAY
 * elect to send a Pong frame for only the most recently processed Ping frame" (RFC 6455 §5.5.3).
 */
export class Pongs {
  readonly #send: SendPong;
  #waiting = 0;
  #latest: Buffer | undefined;

  constructor(send: SendPong) {
    this.#send = send;
  }

  /** Answers a ping. */
  answer(payload: Buffer): void {
    if (this.#waiting >= MAX_WAITING_PONGS) {
      this.#latest = payload;
      return;
    }
    this.#waiting += 1;
    this.#send(payload, this.#onWritten);
  }

  readonly #onWritten = (): void => {
    this.#waiting -= 1;
    const latest = this.#latest;
    if (latest === undefined) return;
    this.#latest = undefined;
    this.answer(latest);
  };
}
