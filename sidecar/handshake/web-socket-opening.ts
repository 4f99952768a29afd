import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Admission } from '../connection/admission';
import type { Connection } from '../connection/connection';
import { refuseUpgrade, type Refusal } from '../http/refusal';
import type { Route } from '../routes/route';
import { acceptUpgrade } from '../websocket/accept-upgrade';
import type { BridgeSocket } from '../websocket/bridge-socket';
import { closeForbidden, type CloseTimers } from './close-forbidden';
import type { FrameBounds } from './frame-bounds';
import type { Opening, Serve } from './opening';
import { selectSubprotocol } from './subprotocols';
import type { UpgradeRequest, UpgradeRequestReader } from './upgrade-request';

/** An upgrade as Node hands it out. */
export interface RawUpgrade {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Shared by all upgrades of a bridge. */
export interface WebSocketContext {
  readonly bounds: FrameBounds;
  readonly read: UpgradeRequestReader;
  /** A plain client may have these as well, besides `plain.v1`. */
  readonly subprotocols: ReadonlySet<string>;
  readonly timers: CloseTimers;
}

/** An upgrade. */
export class WebSocketOpening implements Opening {
  readonly transport = 'websocket';
  readonly request: UpgradeRequest;
  readonly socket: Duplex;
  readonly #head: Buffer;
  readonly #context: WebSocketContext;

  constructor(raw: RawUpgrade, context: WebSocketContext) {
    this.request = context.read(raw.message);
    this.socket = raw.socket;
    this.#head = raw.head;
    this.#context = context;
  }

  admit({ route }: Admission, connection: Connection, serve: Serve): undefined {
    this.#accept(route, (socket) => {
      socket.reader = connection;
      serve(socket, this.socket);
    });
  }

  refuse(refusal: Refusal): void {
    refuseUpgrade(this.socket, refusal);
  }

  /** A browser sees nothing of an answer but a close code (PROTOCOL.md §4). */
  forbid({ route }: Pick<Admission, 'route'>, message: string): boolean {
    if (!this.request.hasOrigin) return false;
    this.#accept(route, (socket) => {
      closeForbidden(socket, message, this.#context.timers);
    });
    return true;
  }

  #accept(route: Route, onOpen: (socket: BridgeSocket) => void): void {
    const handshake = { stream: this.socket, head: this.#head, key: this.request.webSocketKey };
    acceptUpgrade(handshake, this.#context.bounds.of(route), this.#subprotocol, onOpen);
  }

  get #subprotocol(): string | undefined {
    return selectSubprotocol(this.request.subprotocols ?? new Set(), this.#context.subprotocols);
  }
}
