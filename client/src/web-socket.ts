/** As much of a `WebSocket` as is used: the browser's, Node's and that of `ws` have it. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: never): void;
  close(code?: number): void;
}

/** The constructor of such sockets. */
export interface WebSocketConstructor {
  new (url: string, protocols: string[]): WebSocketLike;
  /** Called once the client is closed that makes sockets with it. */
  readonly ended?: (() => void) | undefined;
}

/** `readyState` of a socket that takes messages. */
export const OPEN = 1;
