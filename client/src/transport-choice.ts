import { attempt } from './attempt.ts';
import type { PointStorage } from './stored-point.ts';

/** A way to the bridge. */
export type ClientTransport = 'websocket' | 'http';

/** So many handshakes of a WebSocket come to nothing before a stream is tried. */
export const MOST_FAILURES = 2;
/** However often a stream was the way, a WebSocket is tried again after this. */
export const LONGEST_MS = 3_600_000;
const KEY = 'ws-bridge http until';

/** The choice depends on these. */
export interface ChoiceSettings {
  /** After so long on streams a WebSocket is tried again; twice as long each time that comes to nothing. */
  readonly webSocketAgainMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly storage: PointStorage | undefined;
  /** Whether the browser says that there is a network. It may be wrong. @default always */
  readonly online?: (() => boolean) | undefined;
}

/**
 * Chooses the way of the next connection: a WebSocket, unless two in a row came to nothing, and a stream for a while where that works. One
 * failure is enough where streams were the way before.
 */
export class TransportChoice {
  readonly #settings: ChoiceSettings;
  #failures = 0;
  /** WebSockets that came to nothing without a network. They say nothing once there is one. */
  #offlineFailures = 0;
  #httpUntilMs: number;
  #againMs: number;

  constructor(settings: ChoiceSettings) {
    this.#settings = settings;
    this.#againMs = this.#firstMs;
    this.#httpUntilMs = Number(attempt(() => settings.storage?.getItem(KEY)));
  }

  /** Whether a stream is the way for now. A clock may have been set back since. */
  get #isKnown(): boolean {
    const restMs = this.#httpUntilMs - this.#settings.now();
    return restMs > 0 && restMs <= LONGEST_MS;
  }

  /** A timer rings at once when it is set for longer than some weeks, or for ever. */
  get #firstMs(): number {
    return Math.min(this.#settings.webSocketAgainMs, LONGEST_MS);
  }

  get #isOnline(): boolean {
    return this.#settings.online?.() !== false;
  }

  get next(): ClientTransport {
    const failures = this.#failures + (this.#isOnline ? 0 : this.#offlineFailures);
    return this.#isKnown || failures >= MOST_FAILURES ? 'http' : 'websocket';
  }

  /** A connection came to nothing. */
  failed(transport: ClientTransport): void {
    if (transport === 'http') this.#count(0);
    else if (this.#isOnline) this.#count(this.#failures + 1);
    else this.#offlineFailures += 1;
  }

  /** Frames came by a WebSocket: it is the way. */
  webSocketWorked(): void {
    this.#count(0);
    this.#againMs = this.#firstMs;
    if (this.#httpUntilMs > 0) this.#keep(0);
  }

  /** A stream is open. @returns in how many milliseconds it ends, for a WebSocket to be tried */
  streamWorked(): number {
    const now = this.#settings.now();
    this.#count(MOST_FAILURES - 1);
    if (!this.#isKnown) {
      this.#keep(now + this.#againMs);
      this.#againMs = Math.min(2 * this.#againMs, LONGEST_MS);
    }
    return this.#httpUntilMs - now;
  }

  #count(failures: number): void {
    this.#failures = failures;
    this.#offlineFailures = 0;
  }

  #keep(untilMs: number): void {
    this.#httpUntilMs = untilMs;
    attempt(() => this.#settings.storage?.setItem(KEY, String(untilMs)));
  }
}
