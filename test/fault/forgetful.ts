import { WebSocket } from 'ws';
import { CONTROL_FRAME_PREFIX, SUBPROTOCOL, type ControlFrame } from '../../protocol/frames';
import { Ledger, totalOf, type Published, type Score } from './ledger';
import type { Random } from './random';
import type { Seat } from './seat';
import { tokenOf } from './token';

const TOKEN_LIFETIME_SECONDS = 3600;
/** It comes back within this, in milliseconds. */
const BACK_WITHIN_MS = 300;

/** Where it goes on. */
interface Point {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * A client that comes back by its resume point when it is cut, and now and then forgets everything. Each time it begins a new
 * account: all of the session from its first frame on, or a gap where some of it is missing.
 */
export class Forgetful {
  readonly #seat: Seat;
  readonly #url: string;
  readonly #random: Random;
  readonly #onFault: (fault: string) => void;
  readonly #ended: Ledger[] = [];
  #ledger: Ledger;
  #point: Point | undefined;
  #socket: WebSocket | undefined;
  #leaving = false;
  wasOpen = false;

  constructor(seat: Seat, url: string, random: Random, onFault: (fault: string) => void) {
    this.#seat = seat;
    this.#url = url;
    this.#random = random;
    this.#onFault = onFault;
    this.#ledger = new Ledger(seat.channels, onFault);
    this.#connect();
  }

  /** Drops its connection and all that it knows. */
  forget(): void {
    this.#ended.push(this.#ledger);
    this.#ledger = new Ledger(this.#seat.channels, this.#onFault);
    this.#point = undefined;
    this.cut();
  }

  /** Drops its connection. */
  cut(): void {
    this.#socket?.terminate();
  }

  /** Closes it for good. */
  leave(): void {
    this.#leaving = true;
    this.#socket?.terminate();
  }

  /** As that of Ledger. */
  isComplete(published: (channel: string) => Published): boolean {
    return this.#ledger.isComplete(published);
  }

  /** The fate of the frames of all its accounts. Nothing is missing at the end of one that it broke off. */
  score(published: (channel: string) => Published): Score {
    const toItsEnd = (channel: string): Published => ({ ...published(channel), count: 0 });
    return totalOf([...this.#ended.map((ledger) => ledger.score(toItsEnd)), this.#ledger.score(published)]);
  }

  #connect(): void {
    const { tenant, user, path } = this.#seat;
    const url = new URL(path, this.#url);
    const asked = this.#point;
    url.searchParams.set('resume', asked === undefined ? 'oldest' : `${asked.epoch}.${asked.offset}`);
    const token = tokenOf({ tenant, user, exp: Date.now() / 1000 + TOKEN_LIFETIME_SECONDS });
    const socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${token}`], { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      if (socket === this.#socket) this.#take(data.toString('utf8'));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (!this.#leaving)
        setTimeout(() => {
          this.#reconnect();
        }, this.#random.next() * BACK_WITHIN_MS);
    });
  }

  #reconnect(): void {
    if (!this.#leaving) this.#connect();
  }

  #take(text: string): void {
    if (!text.startsWith(CONTROL_FRAME_PREFIX)) {
      this.#ledger.message(text);
      if (this.#point !== undefined) this.#point = { ...this.#point, offset: this.#point.offset + 1 };
      return;
    }
    const { type, data } = JSON.parse(text) as ControlFrame;
    if (type === 'bridge.ready') this.wasOpen = true;
    // A point that is not honoured is kept until the gap that says so.
    if (type === 'bridge.gap' || (type === 'bridge.ready' && data.resumed)) {
      this.#point = { epoch: data.epoch, offset: data.offset };
    }
    if (type === 'bridge.gap') this.#ledger.gap();
  }
}
