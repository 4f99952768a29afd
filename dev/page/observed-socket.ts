import type { WebSocketConstructor } from 'ws-bridge-client';

/** A bridge's first words. */
export interface Greeting {
  readonly resumed: boolean;
  /** How many frames from before follow, to who asked for all that is kept. */
  readonly past: number | undefined;
}

/** The events of the sockets under a client, which it settles by itself and does not tell. */
export interface SocketEvents {
  /** The bridge said `bridge.ready`, and the client has heard it. */
  ready(greeting: Greeting, isWebSocket: boolean): void;
  /** An open socket was closed. */
  closed(code: number): void;
}

/** Sockets, looked at. */
export function observed(Constructor: WebSocketConstructor, events: SocketEvents): WebSocketConstructor {
  // A constructor that returns an object gives that one.
  return function Socket(url: string, protocols: string[]) {
    const socket = new Constructor(url, protocols);
    const target = socket as unknown as EventTarget;
    let opened = false;
    target.addEventListener('close', (event) => {
      // The client tells of one that did not open.
      if (opened) events.closed((event as CloseEvent).code);
    });
    // Listens from then on only, behind the client's own listener.
    target.addEventListener('open', () => {
      opened = true;
      target.addEventListener('message', (event) => {
        const { data } = event as MessageEvent<unknown>;
        if (typeof data !== 'string' || !data.startsWith('{"type":"bridge.ready"')) return;
        const greeting = greetingIn(data);
        // The client tells of one that is broken.
        if (greeting !== undefined) events.ready(greeting, socket instanceof WebSocket);
      });
    });
    return socket;
  } as unknown as WebSocketConstructor;
}

function greetingIn(ready: string): Greeting | undefined {
  try {
    const { data } = JSON.parse(ready) as { data?: Readonly<Record<string, unknown>> };
    const { resumed, live, offset } = data ?? {};
    if (typeof resumed !== 'boolean') return undefined;
    return { resumed, past: typeof live === 'number' ? live - Number(offset) : undefined };
  } catch {
    return undefined;
  }
}
