import type { WebSocketConstructor } from 'ws-bridge-client';

/** The events of the sockets under a client, which it settles by itself and does not tell. */
export interface SocketEvents {
  /** The bridge said `bridge.ready`, and the client has heard it. */
  ready(resumed: boolean): void;
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
          const resumed = resumedIn(data);
          // The client tells of one that is broken.
          if (resumed !== undefined) events.ready(resumed);
        });
      });
    }
  };
}

function resumedIn(ready: string): boolean | undefined {
  try {
    const { data } = JSON.parse(ready) as { data?: { resumed?: unknown } };
    return typeof data?.resumed === 'boolean' ? data.resumed : undefined;
  } catch {
    return undefined;
  }
}
