import type { Transport } from '../metrics/outcomes';

/** Who has a socket, and is told what happens to it. */
export interface SocketOwner {
  pinged(payload: Buffer): void;
  ponged(): void;
  /** A whole message came. */
  received(payload: Buffer, binary: boolean): void;
  /** Its client broke a rule of RFC 6455, and is told so in a close frame with this code. */
  faulted?(code: number): void;
  /** The socket is closed, with this code (RFC 6455 §7.1.5). */
  closed(code: number): void;
}

/** Somebody who writes to a socket. */
export interface SocketWriter {
  /** The socket closes: the last chance to write. */
  beforeClose(): void;
}

/** A socket as far as a send queue needs it. */
export interface UnderlyingSocket {
  /** As of a WebSocket. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** Told before the socket closes. */
  writer: SocketWriter | undefined;
}

/** A client's socket as its connection sees it, whichever way its frames travel. */
export interface ClientSocket extends UnderlyingSocket {
  readonly transport: Transport;
  owner: SocketOwner | undefined;
  readonly isPaused: boolean;
  /** Whether something of the client's may have come that is not read yet. */
  readonly isUnread: boolean;
  /** When the earliest may have come of what is read now, by the clock of durations, in milliseconds; undefined for now. */
  readonly unreadFromMs: number | undefined;
  /** Asks for a sign of life. */
  ping(): void;
  /** Answers a ping. @param onWritten called once the kernel has it, or never will */
  pong(payload: Buffer, onWritten: () => void): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
  /** Cuts the connection with a reset (RFC 9293 §3.10.7). */
  reset(): void;
}

/** The stream under a socket, to write frames to, as far as a send queue needs it. */
export interface FrameStream {
  /** The bytes that it was given and the kernel has not taken. */
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  /** @param wire whole frames of RFC 6455 */
  write(wire: Buffer): boolean;
  cork(): void;
  uncork(): void;
  once(event: 'drain', listener: () => void): unknown;
}
