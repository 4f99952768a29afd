import { CLOSE_TIMEOUT_MS } from '../../../sidecar/connection/term';
import type { SocketOwner } from '../../../sidecar/fanout/client-socket';
import { closeForbidden } from '../../../sidecar/handshake/close-forbidden';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import type { BridgeSocket } from '../../../sidecar/websocket/bridge-socket';

const NOW = 1000;

/** A socket that writes down what is done to it. */
class NotingSocket {
  owner: SocketOwner | undefined;
  readonly done: unknown[] = [];

  close(code: number, reason: string): void {
    this.done.push(['close', code, reason]);
  }
  pause(): void {
    this.done.push('pause');
  }
  terminate(): void {
    this.done.push('terminate');
  }
}

let wheel: TimerWheel;
let socket: NotingSocket;

beforeEach(() => {
  wheel = new TimerWheel(10, 1024, NOW);
  socket = new NotingSocket();
  closeForbidden(socket as unknown as BridgeSocket, 'not yours', { wheel, monotonicMs: () => NOW });
});

describe('a socket that is opened only to be closed', () => {
  it('is closed with 4403 and the reason', () => {
    expect(socket.done).toEqual([['close', 4403, 'not yours']]);
  });

  it('is cut when its client does not close in time, and not before', () => {
    wheel.advance(NOW + CLOSE_TIMEOUT_MS - 10);
    expect(socket.done).not.toContain('terminate');
    wheel.advance(NOW + CLOSE_TIMEOUT_MS + 10);
    expect(socket.done.at(-1)).toBe('terminate');
  });

  it('has no deadline any more once it is closed', () => {
    socket.owner?.closed(1000);
    expect(wheel.size).toBe(0);
  });

  it.each(['pinged', 'ponged', 'received'] as const)('is not read from any more once it has %s', (event) => {
    (socket.owner?.[event] as (() => void) | undefined)?.();
    expect(socket.done.at(-1)).toBe('pause');
  });
});
