import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';

/** Who has a socket, and is told what happens to it. */
export interface SocketOwner {
  pinged(payload: Buffer): void;
  ponged(): void;
  /** A whole message came. */
  received(payload: Buffer, binary: boolean): void;
  /** The socket is closed, with this code (RFC 6455 §7.1.5). */
  closed(code: number): void;
}

/**
 * A WebSocket of ws beside which the bridge writes whole frames of its own to the same stream. That is sound for two
 * reasons. ws (without compression) writes its own frames, those of pings, pongs and closing, to that stream at once
 * and whole. Every close frame of ws, also the answer to a client's, goes through `close`.
 */
export class BridgeSocket extends WebSocket {
  /** Called before a close frame is sent: the last chance to write. */
  beforeClose: (() => void) | undefined;

  /** Told of events instead of listeners, of which each socket would have its own: they took it half a kilobyte. */
  owner: SocketOwner | undefined;

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    switch (this.owner === undefined ? undefined : event) {
      case 'message':
        // With ws's default binaryType, "nodebuffer", a message is one Buffer.
        this.owner?.received(args[0] as Buffer, args[1] as boolean);
        return true;
      case 'ping':
        this.owner?.pinged(args[0] as Buffer);
        return true;
      case 'pong':
        this.owner?.ponged();
        return true;
      case 'close':
        this.owner?.closed(args[0] as number);
        return true;
      case 'error':
        // The close code says the fault; without a listener it would end the process.
        return true;
      default:
        return super.emit(event, ...args);
    }
  }

  override close(code?: number, reason?: string | Buffer): void {
    if (this.readyState === WebSocket.OPEN) this.beforeClose?.();
    super.close(code, reason);
  }

  /**
   * Cuts the connection with a reset (RFC 9293 §3.10.7). A client that reads nothing would not notice an orderly end.
   * The bytes that it left in the kernel would stay there for minutes.
   */
  reset(): void {
    const { _socket: socket } = this as unknown as { readonly _socket?: Socket };
    socket?.resetAndDestroy();
  }
}

/** The stream under a socket, to write frames to, as far as a send queue needs it. */
export type FrameStream = Pick<
  Duplex,
  'write' | 'cork' | 'uncork' | 'writableLength' | 'writableNeedDrain' | 'once'
>;

/** A socket as far as a send queue needs it. */
export type UnderlyingSocket = Pick<BridgeSocket, 'readyState' | 'beforeClose'>;
