import type { WebSocketLike } from './web-socket.ts';

/** As much of a message event as is read. */
export interface MessageLike {
  readonly data: unknown;
}

/** A socket with events, and not only handlers. */
interface SocketWithEvents {
  addEventListener?(type: 'message', listener: (event: MessageLike) => void): void;
}

/** Has a socket's messages heard by somebody beside its client, and before it. */
export function overheard(socket: WebSocketLike, take: (event: MessageLike) => void): void {
  const withEvents = socket as SocketWithEvents;
  if (withEvents.addEventListener) {
    withEvents.addEventListener('message', take);
    return;
  }
  // One with handlers alone.
  let handler: ((event: never) => void) | null = null;
  Object.defineProperty(socket, 'onmessage', {
    get: () => handler,
    set: (given: ((event: MessageLike) => void) | null) => {
      handler =
        given &&
        ((event: MessageLike) => {
          take(event);
          given(event);
        });
    },
  });
}
