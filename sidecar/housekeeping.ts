import { WHEEL_TICK_MS } from './assemble';
import type { Parts } from './parts';
import { announceIntervalMs } from './quotas/connection-quota';
import { renewIntervalMs } from './sessions/sessions';

/** An operator's settings for claims and counts that are renewed. */
export interface HousekeepingSettings {
  readonly sessionTtlMs: number;
  readonly connectionLeaseMs: number;
}

/**
 * Works by the clock, whoever is there. It notices deadlines, forgets callers who are gone, and renews the bridge's
 * claims and counts in Redis.
 */
export class Housekeeping {
  readonly #parts: Parts;
  readonly #settings: HousekeepingSettings;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(parts: Parts, settings: HousekeepingSettings) {
    this.#parts = parts;
    this.#settings = settings;
    // A Redis that comes back may have lost the claims and the counts.
    parts.links.commands.on('ready', this.#renewSessions);
    parts.links.commands.on('ready', this.#announceConnections);
  }

  start(): void {
    const { sessionTtlMs, connectionLeaseMs } = this.#settings;
    this.#timers.push(
      setInterval(this.#tick, WHEEL_TICK_MS),
      setInterval(this.#renewSessions, renewIntervalMs(sessionTtlMs)),
      setInterval(this.#announceConnections, announceIntervalMs(connectionLeaseMs)),
    );
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  readonly #tick = (): void => {
    const { wheel, tokenEnds, inbound, presence, relaysUp, links, monotonicMs } = this.#parts;
    wheel.advance(monotonicMs());
    tokenEnds.advance();
    for (const owners of Object.values(inbound.byteOwners)) owners.forgetIdle(monotonicMs());
    presence?.advance(monotonicMs());
    relaysUp.look(links.relays);
  };

  readonly #renewSessions = (): void => {
    this.#parts.sessions.renew().catch((error: unknown) => {
      this.#parts.log.warn({ err: error }, 'sessions not renewed');
    });
  };

  readonly #announceConnections = (): void => {
    this.#parts.quota.announce().catch((error: unknown) => {
      this.#parts.log.warn({ err: error }, 'connections not announced');
    });
  };
}
