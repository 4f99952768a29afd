import { Alarm } from './alarm.ts';
import type { Connection } from './connection.ts';
import type { Settings } from './options.ts';

/** The client of a patience. */
export interface Patient {
  /** The open connection. */
  current(): Connection | undefined;
  /** Since when the oldest command waits for its acknowledgement. */
  waitingSinceMs(): number | undefined;
  /** Whether somebody would miss the peer. */
  cares(): boolean;
  /** The peer is taken for dead. */
  lost(): void;
}

/** Sees to it that a peer that died is noticed: a browser is not told of pings. */
export class Patience {
  readonly #settings: Settings;
  readonly #client: Patient;
  readonly #alarm: Alarm;
  /** When the patience that was set is over. */
  #endsAtMs = Infinity;

  constructor(settings: Settings, client: Patient) {
    this.#settings = settings;
    this.#client = client;
    this.#alarm = new Alarm(settings.clock, () => {
      this.#lookAfter();
    });
  }

  /** Begins anew; there is none without a connection. */
  begin(): void {
    this.#endsAtMs = this.#endMs(this.#client.current());
    this.#alarm.set(this.#endsAtMs - this.#settings.monotonicNow());
  }

  #since(connection: Connection): number | undefined {
    return this.#client.waitingSinceMs() ?? connection.askedAtMs;
  }

  #endMs(connection: Connection | undefined): number {
    const { idleTimeoutMs, ackTimeoutMs } = this.#settings;
    if (!connection) return Infinity;
    const sinceMs = this.#since(connection);
    return sinceMs === undefined
      ? connection.heardAtMs + idleTimeoutMs
      : sinceMs + Math.min(ackTimeoutMs, idleTimeoutMs);
  }

  /** Patience is over, unless something happened since it was set. */
  #lookAfter(): void {
    const client = this.#client;
    const connection = client.current();
    if (connection && this.#endsAtMs === this.#endMs(connection)) {
      if (this.#since(connection) !== undefined) {
        client.lost();
        return;
      }
      if (!client.cares()) return;
      connection.ask();
    }
    this.begin();
  }
}
