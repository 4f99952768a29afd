/** Why something that was asked of the client did not happen, or may not have. */
export class BridgeClientError extends Error {
  override readonly name = 'BridgeClientError';
  /**
   * `CLOSED`: the client is closed. `QUEUE_FULL`: too many commands wait. `NO_COMMANDS`: the route takes none.
   * `UNCONFIRMED`: the command may have been taken over, and is too old to be sent again. `GAP`: frames of the answer may
   * have been lost. `TIMEOUT`: nothing of the answer came. Otherwise the code of the bridge's or the service's error frame.
   */
  readonly code: string;

  /** @param message of the bridge or the service; the client's own codes say all */
  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}
