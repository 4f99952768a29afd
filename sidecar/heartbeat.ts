/** A socket as the heartbeat sees it. */
export interface Pulse {
  ping(): void;
  /** Cuts the socket without a closing handshake. */
  terminate(): void;
}

/**
 * Pings every socket in each interval, all from one timer, and cuts those that have not answered by the next.
 */
export class Heartbeat {
  readonly #intervalMs: number;
  readonly #answered = new Map<Pulse, boolean>();
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** How many sockets are watched. */
  get size(): number {
    return this.#answered.size;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#beat();
    }, this.#intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  watch(pulse: Pulse): void {
    this.#answered.set(pulse, true);
  }

  unwatch(pulse: Pulse): void {
    this.#answered.delete(pulse);
  }

  /** The socket answered a ping. */
  heard(pulse: Pulse): void {
    if (this.#answered.has(pulse)) this.#answered.set(pulse, true);
  }

  #beat(): void {
    for (const [pulse, answered] of [...this.#answered]) {
      if (!answered) {
        this.#answered.delete(pulse);
        pulse.terminate();
        continue;
      }
      this.#answered.set(pulse, false);
      pulse.ping();
    }
  }
}
