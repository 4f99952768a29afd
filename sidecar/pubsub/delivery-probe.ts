import type { Receiver } from '../fanout/deliver';
import type { Frame } from '../fanout/frame';
import type { ProbeOutcome } from '../metrics/outcomes';

/**
 * How much longer than its time a probe is listened for, in milliseconds. A timer runs before sockets are read. When
 * the bridge itself stalled, the proof of delivery is there and was not read yet, or was not even sent.
 */
export const PROBE_GRACE_MS = 250;

/** A probe works with these. */
export interface ProbeContext {
  /** Publishes to the channel that the probe hears. Rejects when Redis does not take it. */
  readonly publish: (message: string) => Promise<unknown>;
  /** Called when what was published is not heard: the subscription is dead, whatever its connection says. */
  readonly onSilence: () => void;
  /** Told of each probe that settles, and the seconds until it was heard. */
  readonly onOutcome: (outcome: ProbeOutcome, seconds?: number) => void;
  /** Between two probes, in milliseconds. */
  readonly intervalMs: number;
  /** How long one may take, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Proves delivery: publishes, and must hear it on the connection that carries the data. After a failover a
 * subscription can hang while its connection looks well; nothing else finds that.
 */
export class DeliveryProbe implements Receiver {
  readonly senderId = undefined;
  readonly #context: ProbeContext;
  #interval: NodeJS.Timeout | undefined;
  #timeout: NodeJS.Timeout | undefined;
  #count = 0;
  #sentMs = 0;
  #subscribed = false;
  #delivers = false;
  /** Who waits for a probe that is sent after this one. */
  #waiting: { readonly after: number; readonly settled: () => void }[] = [];

  constructor(context: ProbeContext) {
    this.#context = context;
  }

  /** Whether the latest probe was heard, on the connection that is open now. */
  get delivers(): boolean {
    return this.#delivers;
  }

  start(): void {
    this.#interval ??= setInterval(() => {
      void this.#probe();
    }, this.#context.intervalMs);
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
    this.down();
  }

  /** The channel is subscribed: from now on a probe must be heard. */
  up(): void {
    this.#subscribed = true;
    void this.#probe();
  }

  /** The connection is lost: nothing is proven, and what is on its way will not be heard. */
  down(): void {
    this.#subscribed = false;
    this.#delivers = false;
    this.#settle();
    this.#release(Infinity);
  }

  /**
   * Resolves once all messages that were published before, on the connection of probes, were heard on this one, or
   * never will be. By then a probe that is sent from now on has settled, or the connection is lost.
   */
  prove(): Promise<void> {
    if (!this.#subscribed) return Promise.resolve();
    return new Promise((settled) => {
      this.#waiting.push({ after: this.#count, settled });
      void this.#probe();
    });
  }

  get #isOnItsWay(): boolean {
    return this.#timeout !== undefined;
  }

  /** Publishes one probe, unless the one before it is still on its way. */
  async #probe(): Promise<void> {
    if (!this.#subscribed || this.#timeout !== undefined) return;
    this.#count += 1;
    this.#timeout = setTimeout(() => {
      this.#late();
    }, this.#context.timeoutMs);
    const sent = this.#count;
    this.#sentMs = performance.now();
    try {
      await this.#context.publish(`${sent}`);
    } catch {
      // That Redis takes nothing says nothing of the subscription. One that has settled meanwhile was taken, or is nobody's concern.
      if (sent === this.#count && this.#isOnItsWay) this.#fail(false);
    }
  }

  deliver({ payload }: Frame): void {
    if (payload.toString() !== `${this.#count}` || this.#timeout === undefined) return;
    this.#settle();
    this.#delivers = true;
    this.#context.onOutcome('heard', (performance.now() - this.#sentMs) / 1000);
    this.#release(this.#count);
  }

  /** Its time is over: it fails once the sockets were read, and after the grace read again. */
  #late(): void {
    const sent = this.#count;
    this.#timeout = setTimeout(() => {
      setImmediate(() => {
        if (sent === this.#count && this.#timeout !== undefined) this.#fail(true);
      });
    }, PROBE_GRACE_MS);
  }

  #fail(silence: boolean): void {
    this.#settle();
    this.#delivers = false;
    this.#context.onOutcome(silence ? 'silent' : 'unsent');
    if (silence) this.#context.onSilence();
    this.#release(this.#count);
  }

  /** This one has settled, and those before it. */
  #release(settled: number): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ after }) => after >= settled);
    for (const one of waiting) if (one.after < settled) one.settled();
    if (this.#waiting.length > 0) void this.#probe();
  }

  #settle(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
  }
}
