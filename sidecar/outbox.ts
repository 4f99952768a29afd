import { WebSocket } from 'ws';
import type { ControlFrame } from '../protocol/frames';
import type { Frame } from './delivery';
import type { RouteMetrics } from './metrics';
import type { Traffic } from './traffic';

/**
 * What goes out on one socket. After the socket has begun to close nothing does. What its client has not taken is bounded:
 * by the limit and one message.
 */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #metrics: RouteMetrics;
  readonly #traffic: Traffic;
  readonly #maxBufferBytes: number;
  readonly #onTooSlow: () => void;

  /** @param onTooSlow called when something is to be sent while more than `maxBufferBytes` wait; it is not sent */
  constructor(socket: WebSocket, metrics: RouteMetrics, maxBufferBytes: number, onTooSlow: () => void) {
    this.#socket = socket;
    this.#metrics = metrics;
    this.#traffic = metrics.traffic;
    this.#maxBufferBytes = maxBufferBytes;
    this.#onTooSlow = onTooSlow;
  }

  /** Sends a data frame. */
  data({ payload, binary }: Frame): void {
    if (!this.#takes()) return;
    this.#socket.send(payload, { binary });
    this.#traffic.framesSent += 1;
    this.#traffic.bytesSent += payload.length;
  }

  /** Sends a control frame of `bridge.v1`. */
  control(frame: ControlFrame): void {
    this.text(JSON.stringify(frame));
  }

  /** Sends a text message that is no data frame. */
  text(message: string): void {
    if (this.#takes()) this.#socket.send(message);
  }

  #takes(): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    if (this.#socket.bufferedAmount <= this.#maxBufferBytes) return true;
    this.#metrics.slowConsumer('closed');
    this.#onTooSlow();
    return false;
  }
}
