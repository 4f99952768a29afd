import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { ClientSocket, SocketOwner } from './client-socket';

/**
 * A WebSocket of ws beside which the bridge writes whole frames of its own to the same stream. That is sound for two
 * reasons. ws (without compression) writes its own frames, those of pings, pongs and closing, to that stream at once
 * and whole. Every close frame of ws, also the answer to a client's, goes through `close`.
 */
export class BridgeSocket extends WebSocket implements ClientSocket {
  readonly transport = 'websocket';

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
