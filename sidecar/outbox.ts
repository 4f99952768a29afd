import { WebSocket } from 'ws';
import type { ControlFrame } from '../protocol/frames';
import type { Frame } from './delivery';
import type { RouteMetrics } from './metrics';

/** What goes out on one socket. After the socket has begun to close nothing does. */
export class Outbox {
  readonly #socket: WebSocket;
  readonly #metrics: RouteMetrics;

  constructor(socket: WebSocket, metrics: RouteMetrics) {
    this.#socket = socket;
    this.#metrics = metrics;
  }

  /** Sends a data frame. */
  data({ payload, binary }: Frame): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(payload, { binary });
    this.#metrics.framesSent.inc();
  }

  /** Sends a control frame of `bridge.v1`. */
  control(frame: ControlFrame): void {
    this.text(JSON.stringify(frame));
  }

  /** Sends a text message that is no data frame. */
  text(message: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
  }
}
