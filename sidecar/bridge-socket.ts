import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

/**
 * A WebSocket of ws beside which the bridge writes whole frames of its own to the same stream. That is sound
 * because ws (without compression) writes its own frames, those of pings, pongs and closing, to that stream at
 * once and whole, and because every close frame of ws, also the answer to a client's, goes through `close`.
 */
export class BridgeSocket extends WebSocket {
  /** Called before a close frame is sent: the last chance to write. */
  beforeClose: (() => void) | undefined;

  override close(code?: number, reason?: string | Buffer): void {
    if (this.readyState === WebSocket.OPEN) this.beforeClose?.();
    super.close(code, reason);
  }
}

/** The stream under a socket, to write frames to, as far as an outbox needs it. */
export type FrameStream = Pick<
  Duplex,
  'write' | 'cork' | 'uncork' | 'writableLength' | 'writableNeedDrain' | 'once'
>;

/** A socket as far as an outbox needs it. */
export type UnderlyingSocket = Pick<BridgeSocket, 'readyState' | 'beforeClose'>;
