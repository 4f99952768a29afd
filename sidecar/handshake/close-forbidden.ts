import { CLOSE_CODES } from '../../protocol/close-codes';
import { CLOSE_TIMEOUT_MS } from '../connection/term';
import type { TimerWheel } from '../lib/timer-wheel';
import type { BridgeSocket } from '../websocket/bridge-socket';

/** The time, and what is due after a time. */
export interface CloseTimers {
  readonly wheel: TimerWheel;
  readonly monotonicMs: () => number;
}

/**
 * Closes a socket that was opened for this alone: a browser cannot read why a handshake is refused (PROTOCOL.md §4). A client
 * that sends more than its close frame is not read from until its time is over.
 * @param reason at most 123 bytes (RFC 6455 §5.5)
 */
export function closeForbidden(
  socket: BridgeSocket,
  reason: string,
  { wheel, monotonicMs }: CloseTimers,
): void {
  const deadline = wheel.add(monotonicMs() + CLOSE_TIMEOUT_MS, () => {
    socket.terminate();
  });
  const stopReading = (): void => {
    socket.pause();
  };
  socket.owner = {
    pinged: stopReading,
    ponged: stopReading,
    received: stopReading,
    closed: () => {
      deadline.cancel();
    },
  };
  socket.close(CLOSE_CODES.forbidden.code, reason);
}
