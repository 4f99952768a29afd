import type { WebSocketConstructor } from 'ws-bridge-client';

/** What a bridge says at first. */
export interface Greeting {
  readonly resumed: boolean;
  /** How many frames from before follow, to who asked for all that is kept. */
  readonly past: number | undefined;
}

/** The events of the sockets under a client, which it settles by itself and does not tell. */
export interface SocketEvents {
  /** The bridge said `bridge.ready`, and the client has heard it. */
  ready(greeting: Greeting): void;
  /** An open socket was closed. */
  closed(code: number): void;
}

/** The browser's WebSocket, looked at. */
export function observedWebSocket(events: SocketEvents): WebSocketConstructor {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      let opened = false;
      this.addEventListener('close', ({ code }) => {
        // The client tells of one that did not open.
        if (opened) events.closed(code);
      });
      // Listens from then on only, behind the client's own listener.
      this.addEventListener('open', () => {
        opened = true;
        this.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
          if (typeof data !== 'string' || !data.startsWith('{"type":"bridge.ready"')) return;
          const greeting = greetingIn(data);
          // The client tells of one that is broken.
          if (greeting !== undefined) events.ready(greeting);
        });
      });
    }
  };
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
