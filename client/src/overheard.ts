import type { WebSocketLike } from './web-socket.ts';

/** As much of a message event as is read. */
export interface MessageLike {
  readonly data: unknown;
}

type Handler = ((event: MessageLike) => void) | null;

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
  // One with handlers alone. Its own accessor, or that of somebody else who listens, is behind this one.
  const behind = accessorOf(socket);
  let handler: Handler = null;
  Object.defineProperty(socket, 'onmessage', {
    configurable: true,
    get: () => (behind ? (behind.get?.call(socket) as Handler) : handler),
    set: (given: Handler) => {
      handler =
        given &&
        ((event) => {
          take(event);
          given(event);
        });
      behind?.set?.call(socket, handler);
    },
  });
}

function accessorOf(socket: WebSocketLike): PropertyDescriptor | undefined {
  for (let at: object | null = socket; at; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertyDescriptor(at, 'onmessage');
    if (found) return found.set && found;
  }
  return undefined;
}
