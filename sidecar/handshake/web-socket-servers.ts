import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type Server } from 'ws';
import { BridgeSocket } from '../fanout/bridge-socket';
import { badRequest, type Refusal } from '../http/refusal';
import { largestMessage, type MessageSizes } from '../inbound/message-size';
import type { Route } from '../routes/route';

/** In so many pieces a frame may come that is not whole yet; its client is closed with 1008 (PROTOCOL.md §3). */
export const MAX_BUFFERED_CHUNKS = 16_384;

/** How large messages from clients may be. */
export interface MessageBounds {
  readonly messageSizes: MessageSizes;
  /** Frames that a message may come in. */
  readonly maxFragments: number;
}

/** An upgrade as Node hands it out. */
export interface RawUpgrade {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * The servers of ws, which answer 101 and make the sockets. ws knows one largest message a server, and judges a message by the
 * headers of its frames, before it reads them.
 */
export class WebSocketServers {
  readonly #bounds: MessageBounds;
  /** By the largest message that they take. */
  readonly #servers = new Map<number, Server<typeof BridgeSocket>>();
  /** The upgrade's that is being answered: ws asks for it meanwhile. */
  #subprotocol: string | undefined;
  /** Of that upgrade, where ws found one. */
  #fault: Refusal | undefined;

  constructor(bounds: MessageBounds) {
    this.#bounds = bounds;
  }

  /**
   * Answers 101, unless the client is gone by now. All that `onOpen` writes goes with it, in one write.
   * @param subprotocol that is agreed to
   * @param onOpen called with the socket, before this returns
   * @returns why ws does not take the handshake, if it does not
   */
  accept(
    { message, socket, head }: RawUpgrade,
    route: Route,
    subprotocol: string | undefined,
    onOpen: (webSocket: BridgeSocket) => void,
  ): Refusal | undefined {
    this.#subprotocol = subprotocol;
    // It may offer others beside it, which ws would refuse (RFC 9110 §7.8).
    message.headers.upgrade = 'websocket';
    const server = this.#serverOf(route);
    this.#fault = undefined;
    socket.cork();
    try {
      server.handleUpgrade(message, socket, head, onOpen);
    } finally {
      socket.uncork();
    }
    return this.#fault;
  }

  #serverOf(route: Route): Server<typeof BridgeSocket> {
    const maxPayload = largestMessage(route, this.#bounds.messageSizes);
    const known = this.#servers.get(maxPayload);
    if (known !== undefined) return known;
    const server = this.#make(maxPayload);
    this.#servers.set(maxPayload, server);
    return server;
  }

  #make(maxPayload: number): Server<typeof BridgeSocket> {
    const server = new WebSocketServer({
      noServer: true,
      WebSocket: BridgeSocket,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload,
      maxFragments: this.#bounds.maxFragments,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
      // Within the rate of messages, which ws knows nothing of.
      autoPong: false,
      // Without this ws would agree to whatever the client names first.
      handleProtocols: () => this.#subprotocol ?? false,
    });
    server.on('wsClientError', (error) => {
      this.#fault = badRequest(error.message);
    });
    return server;
  }
}
