import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { ClientSocket, FrameStream, SocketOwner, SocketWriter } from './client-socket';
import { closeEvent, COMMENT, EventEncoder, type StreamBeginning } from './event-encoding';

/** RFC 6455 §7.1.5: the connection ended without a close frame. */
const ABNORMAL = 1006;

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // A service's text is no page, whatever a browser finds in it.
  'X-Content-Type-Options': 'nosniff',
  // Kong and nginx would keep the frames back until a buffer is full.
  'X-Accel-Buffering': 'no',
  // A connection that is kept would be one more that a drain must wait for.
  Connection: 'close',
};

/** An answer that never ends, on which a client gets its frames as events (PROTOCOL.md §11). */
export class EventStream implements ClientSocket {
  readonly transport = 'http';
  /** To write frames to. */
  readonly stream: FrameStream;
  owner: SocketOwner | undefined;
  writer: SocketWriter | undefined;
  readonly isPaused = false;
  readonly isUnread = false;
  readonly unreadFromMs = undefined;
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  readonly #random: () => number;
  #readyState: 1 | 2 | 3 = WebSocket.OPEN;
  /** That of the last event, once the kernel has it. */
  #code = ABNORMAL;

  /** @param random from 0 on and below 1 */
  constructor(response: ServerResponse, beginning: StreamBeginning, random: () => number) {
    this.#response = response;
    this.#socket = response.req.socket;
    this.#random = random;
    this.stream = eventsOn(response, new EventEncoder(beginning));
    // The connection's end says it as well.
    response.on('error', () => undefined);
    response.once('close', () => {
      this.#readyState = WebSocket.CLOSED;
      this.owner?.closed(this.#code);
    });
    response.writeHead(200, HEADERS).flushHeaders();
  }

  get readyState(): 1 | 2 | 3 {
    return this.#readyState;
  }

  /** A client says nothing. It is there when the kernel took what was written to it. */
  ping(): void {
    if (this.#readyState !== WebSocket.OPEN) return;
    this.#response.write(COMMENT, () => {
      if (!this.#socket.destroyed && this.#readyState === WebSocket.OPEN) this.owner?.ponged();
    });
  }

  pong(): void {
    // Nobody pings it.
  }

  pause(): void {
    // Nothing is read from it.
  }

  resume(): void {
    // Nothing is read from it.
  }

  close(code: number, reason: string): void {
    if (this.#readyState !== WebSocket.OPEN) return;
    this.writer?.beforeClose();
    this.#readyState = WebSocket.CLOSING;
    // Node takes an answer for finished, and each write for done, also when its connection was cut before.
    this.#response.write(closeEvent(code, reason, this.#random()), () => {
      if (!this.#socket.destroyed) this.#code = code;
    });
    this.#response.end();
  }

  terminate(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Takes frames, and writes them as events. */
function eventsOn(response: ServerResponse, encoder: EventEncoder): FrameStream {
  return {
    get writableLength() {
      return response.writableLength;
    },
    get writableNeedDrain() {
      return response.writableNeedDrain;
    },
    write: (wire) => response.write(encoder.encode(wire)),
    cork: () => {
      response.cork();
    },
    uncork: () => {
      response.uncork();
    },
    once: (event, listener) => response.once(event, listener),
  };
}
