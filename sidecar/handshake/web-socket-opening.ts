import type { Admission } from '../connection/admission';
import type { Connection } from '../connection/connection';
import { refuseUpgrade, type Refusal } from '../http/refusal';
import { readInTurns } from '../inbound/reading-turns';
import { closeForbidden, type CloseTimers } from './close-forbidden';
import type { Opening, Serve } from './opening';
import { selectSubprotocol } from './subprotocols';
import type { UpgradeRequest, UpgradeRequestReader } from './upgrade-request';
import type { RawUpgrade, WebSocketServers } from './web-socket-servers';

/** Shared by all upgrades of a bridge. */
export interface WebSocketContext {
  readonly servers: WebSocketServers;
  readonly read: UpgradeRequestReader;
  /** A plain client may have these as well, besides `plain.v1`. */
  readonly subprotocols: ReadonlySet<string>;
  readonly timers: CloseTimers;
}

/** An upgrade. */
export class WebSocketOpening implements Opening {
  readonly transport = 'websocket';
  readonly request: UpgradeRequest;
  readonly #raw: RawUpgrade;
  readonly #context: WebSocketContext;

  constructor(raw: RawUpgrade, context: WebSocketContext) {
    this.request = context.read(raw.message);
    this.#raw = raw;
    this.#context = context;
  }

  get socket(): RawUpgrade['socket'] {
    return this.#raw.socket;
  }

  admit({ route }: Admission, connection: Connection, serve: Serve): Refusal | undefined {
    return this.#context.servers.accept(this.#raw, route, this.#subprotocol, (webSocket) => {
      readInTurns(webSocket, connection);
      serve(webSocket, this.socket);
    });
  }

  refuse(refusal: Refusal): void {
    refuseUpgrade(this.socket, refusal);
  }

  /** A browser sees nothing of an answer but a close code (PROTOCOL.md §4). */
  forbid({ route }: Pick<Admission, 'route'>, message: string): boolean {
    if (!this.request.hasOrigin) return false;
    const fault = this.#context.servers.accept(this.#raw, route, this.#subprotocol, (webSocket) => {
      closeForbidden(webSocket, message, this.#context.timers);
    });
    return fault === undefined;
  }

  get #subprotocol(): string | undefined {
    return selectSubprotocol(this.request.subprotocols ?? new Set(), this.#context.subprotocols);
  }
}
