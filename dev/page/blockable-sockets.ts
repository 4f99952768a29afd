import type { WebSocketConstructor } from 'ws-bridge-client';
import { CLOSE_CODES } from '../../protocol/close-codes';

/** RFC 6455 §7.4.1: all that a browser says of a handshake that came to nothing. */
const ABNORMAL = 1006;

/** The page's WebSockets, which its user can block as some proxies and virus scanners do. */
export class BlockableSockets {
  /** Gives WebSockets, and in their place while they are blocked what comes to nothing. */
  readonly WebSocket: WebSocketConstructor;
  readonly #open = new Set<WebSocket>();
  #areBlocked = false;

  constructor() {
    const give = (url: string, protocols: string[]): object =>
      this.#areBlocked ? new BlockedSocket() : this.#opened(new WebSocket(url, protocols));
    // A constructor that returns an object gives that one.
    this.WebSocket = function Socket(url: string, protocols: string[]) {
      return give(url, protocols);
    } as unknown as WebSocketConstructor;
  }

  set areBlocked(areBlocked: boolean) {
    this.#areBlocked = areBlocked;
    if (areBlocked) for (const socket of this.#open) socket.close(CLOSE_CODES.tooSlow.code);
  }

  #opened(socket: WebSocket): WebSocket {
    this.#open.add(socket);
    socket.addEventListener('close', () => this.#open.delete(socket));
    return socket;
  }
}

class BlockedSocket extends EventTarget {
  readonly readyState = WebSocket.CLOSED;
  onclose: ((event: Event) => void) | null = null;

  constructor() {
    super();
    setTimeout(() => {
      const event = new CloseEvent('close', { code: ABNORMAL });
      this.dispatchEvent(event);
      this.onclose?.(event);
    });
  }

  close(): void {
    this.onclose = null;
  }
}
