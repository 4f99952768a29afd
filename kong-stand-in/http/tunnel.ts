import type { Duplex } from 'node:stream';

/** The two ends of an upgraded connection, and how long it may be silent. */
export interface Tunnel {
  readonly client: Duplex;
  readonly upstream: Duplex;
  /** Milliseconds without a byte from either side (nginx's `proxy_read_timeout`). */
  readonly readTimeoutMs: number;
  /** Milliseconds in which the upstream takes none of the bytes that wait for it (`proxy_send_timeout`). */
  readonly writeTimeoutMs: number;
}

/** Why a tunnel ended. */
export type TunnelEnd = 'client closed' | 'upstream closed' | 'timed out';

/**
 * Copies bytes both ways until one side closes: what it had sent is delivered, then both are closed. There is no
 * half-close, and a reset ends the same way (nginx, `ngx_http_upstream_process_upgraded`).
 */
export function joinTunnel(tunnel: Tunnel): Promise<TunnelEnd> {
  const { client, upstream, readTimeoutMs, writeTimeoutMs } = tunnel;
  return new Promise((resolve) => {
    let ended = false;
    const readTimer = setTimeout(end, readTimeoutMs, 'timed out');
    let writeTimer: NodeJS.Timeout | undefined;

    copy(client, upstream, 'client closed');
    copy(upstream, client, 'upstream closed');

    function copy(from: Duplex, to: Duplex, reason: TunnelEnd): void {
      from.on('data', (chunk: Buffer) => {
        readTimer.refresh();
        if (to.write(chunk)) return;
        from.pause();
        if (to === upstream) writeTimer = setTimeout(end, writeTimeoutMs, 'timed out');
      });
      to.on('drain', () => {
        clearTimeout(to === upstream ? writeTimer : undefined);
        readTimer.refresh();
        from.resume();
      });
      from.on('end', () => {
        end(reason);
      });
      from.on('error', () => {
        end(reason);
      });
      from.on('close', () => {
        end(reason);
      });
      // Paused until here, so that nothing is lost on the way into the tunnel.
      from.resume();
    }

    function end(reason: TunnelEnd): void {
      if (ended) return;
      ended = true;
      clearTimeout(readTimer);
      clearTimeout(writeTimer);
      closeAfterFlush(client);
      closeAfterFlush(upstream);
      resolve(reason);
    }
  });
}

/** How long the bytes that one side still has coming may take before it is cut: nginx's `send_timeout`. */
const FLUSH_MS = 60_000;

function closeAfterFlush(socket: Duplex): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), FLUSH_MS);
  timer.unref();
  socket.once('close', () => {
    clearTimeout(timer);
  });
  socket.resume();
  socket.end(() => socket.destroy());
}
