/** Why something that was asked of the client did not happen, or may not have. */
export class BridgeClientError extends Error {
  override readonly name: string = 'BridgeClientError';
  /**
   * `CLOSED`: the client is closed. `QUEUE_FULL`: too many commands wait. `NO_COMMANDS`: the route takes none.
   * `UNCONFIRMED`: the command may have been taken over, and is too old to be sent again. `GAP`: frames of the answer may
   * have been lost. `RESTARTED`: another worker begins the answer anew. `TIMEOUT`: nothing of the answer came. `HTTP_403` and the like:
   * the gateway refused a posted command. Otherwise the code of the bridge's or the service's error frame.
   */
  readonly code: string;

  /** @param message of the bridge or the service; the client's own codes say all */
  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}

/** The known facts of a connection that came to nothing. */
export interface ConnectFacts {
  /** The HTTP status of the refusal, where that can be read. */
  readonly status?: number;
  /** The `Retry-After` of that answer, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** With which code the socket was closed. 1006 is all that a browser tells of a refused handshake. */
  readonly closeCode?: number;
  /** The error that the socket itself reported, where it reports something: `connect ECONNREFUSED …`. */
  readonly cause?: unknown;
}

/** Why a connection did not become ready, or was given up for what its peer sent. */
export class ConnectError extends BridgeClientError {
  override readonly name: string = 'ConnectError';
  /**
   * `REFUSED`: answered with an HTTP `status`. `HANDSHAKE_FAILED`: ended before it was ready, and nobody says why but
   * `closeCode` and `cause`. `CONNECT_TIMEOUT`: not ready within `connectTimeoutMs`. `PROTOCOL`: the peer sent what
   * PROTOCOL.md does not allow.
   */
  declare readonly code: 'REFUSED' | 'HANDSHAKE_FAILED' | 'CONNECT_TIMEOUT' | 'PROTOCOL';
  declare readonly status?: number;
  declare readonly retryAfterMs?: number;
  declare readonly closeCode?: number;
  declare readonly cause?: unknown;

  constructor(code: ConnectError['code'], message: string, facts?: ConnectFacts) {
    super(code, message);
    Object.assign(this, facts);
  }
}
