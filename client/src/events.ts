import type { BridgeErrorFrame, GapFrame } from '../../protocol/frames.ts';
import type { ConnectionState } from './state.ts';

/** The events of a client, by name: the arguments of its listeners. */
export interface ClientEvents<Frame> {
  /** The state changed to this, or the next attempt of it was decided. */
  readonly state: [state: ConnectionState, info: StateInfo];
  /** A data frame of JSON: an object with `type`, and `data` of any kind. The newest one from before the connection comes first where it is kept. */
  readonly frame: [frame: Frame, info: FrameInfo];
  /** Every data frame as it came, those of `frame` too. */
  readonly message: [message: string | ArrayBuffer];
  /** Frames were lost or may have been. Ask anew for all that was shown. */
  readonly gap: [gap: GapFrame['data']];
  /** The bridge refused something that is no waiting command, such as a message. */
  readonly refused: [error: BridgeErrorFrame['data']];
  /**
   * An attempt failed, or the peer broke the protocol. The cause is a `ConnectError`, the error of the token function,
   * a TypeError when that gave no token, or the error of the WebSocket's constructor. It is tried again. Nothing is
   * thrown when nobody listens.
   */
  readonly error: [cause: unknown];
  /**
   * The state is `closed`: with 1000 by `close()`, else with the close code that said so, or with that of the last of
   * `maxAttempts`. Nothing is told after it.
   */
  readonly close: [info: CloseInfo];
}

/** The facts that belong to a frame. */
export interface FrameInfo {
  /**
   * It is from before the client came, after `resume: 'oldest'`. A chat's client says so of history alone: not of an answer that is
   * on its way.
   */
  readonly replayed: boolean;
}

/** The attempt and the delay that belong to a state. */
export interface StateInfo {
  /** Which attempt comes next or is under way, from 1 on since there was an open connection; 0 when none is. */
  readonly attempt: number;
  /** In how many milliseconds it begins; 0 when it is under way, undefined when there is none. */
  readonly delayMs: number | undefined;
  /** Why the connection or the attempt before it ended; empty at the first, and when it is open. */
  readonly reason: string;
}

/** How it ended. */
export interface CloseInfo {
  readonly code: number;
  readonly reason: string;
}
