import { connectChat, type ChatClient } from '../../client/src/chat';
import { Ledger } from './ledger';
import type { Seat } from './seat';
import type { Tally } from './tally';
import { tokenOf } from './token';

/** How a listener's client behaves. */
export interface ListenerTimes {
  readonly tokenLifetimeMs: number;
  readonly renewBeforeMs: number;
  readonly idleTimeoutMs: number;
  /** How far the clients' wall clock is from that of the tokens' issuer, in milliseconds. Default: not at all. */
  readonly clockMs?: () => number;
  /** How long a connection may take to be ready, in milliseconds. Default: 30,000. */
  readonly connectTimeoutMs?: number;
  /** Whether new tokens live long: on a busy machine clients come back more slowly than short ones end. Default: they do not. */
  readonly isCalm?: () => boolean;
}

/** How long a token lives when all is to come to rest. */
const CALM_LIFETIME_MS = 600_000;
/** Lines of what happened that are kept for whoever looks into a fault. */
const MAX_NOTES = 400;

/** The library's client on a seat, and the account of what it heard. */
export class Listener {
  readonly seat: Seat;
  readonly ledger: Ledger;
  readonly client: ChatClient;
  /** The events, the latest last, each with its time. */
  readonly notes: string[] = [];
  isFaulty = false;
  wasToldOfGap = false;
  /** Whether it was ever open: from then on it misses nothing. */
  wasOpen = false;
  #leaving = false;

  constructor(seat: Seat, url: string, tally: Tally, times: ListenerTimes, random: () => number) {
    this.seat = seat;
    this.ledger = new Ledger(seat.channels, (fault) => {
      this.isFaulty = true;
      this.#note(`FAULT ${fault}`);
    });
    const { tenant, user, path, opaqueToken } = seat;
    const {
      tokenLifetimeMs,
      renewBeforeMs,
      idleTimeoutMs,
      clockMs = () => 0,
      connectTimeoutMs = 30_000,
      isCalm = () => false,
    } = times;
    const lifetimeMs = (): number => (isCalm() ? CALM_LIFETIME_MS : tokenLifetimeMs) * (0.75 + random() / 2);
    this.client = connectChat({
      url,
      path,
      token: () => tokenOf({ tenant, user, exp: (Date.now() + lifetimeMs()) / 1000 }, opaqueToken),
      WebSocket: tally.socket((event) => {
        this.#note(event);
      }, seat.overHttp),
      clock: {
        now: () => Date.now() + clockMs(),
        setTimeout,
        clearTimeout: (timer) => {
          clearTimeout(timer as number);
        },
      },
      random,
      renewBeforeMs,
      idleTimeoutMs,
      backoffBaseMs: 100,
      backoffCapMs: 2000,
      stableMs: 5000,
      connectTimeoutMs,
    });
    this.client.on('state', (state) => {
      this.wasOpen ||= state === 'open';
    });
    this.client.on('message', (message) => {
      this.ledger.message(typeof message === 'string' ? message : '');
    });
    this.client.on('gap', ({ reason }) => {
      this.ledger.gap();
      this.wasToldOfGap = true;
      this.#note(`told of a gap: ${reason}`);
    });
    this.client.on('close', ({ code }) => {
      if (this.#leaving) return;
      this.isFaulty = true;
      this.#note(`FAULT stopped with ${code}`);
    });
  }

  /** Closes the client for good. */
  leave(): void {
    this.#leaving = true;
    this.client.close();
  }

  #note(event: string): void {
    this.notes.push(`${new Date().toISOString().slice(17)} ${event}`);
    if (this.notes.length > MAX_NOTES) this.notes.shift();
  }
}
