import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { SocketOwner } from '../../../../sidecar/fanout/client-socket';
import { encodeFrame } from '../../../../sidecar/fanout/frame-encoding';
import { MessageProgress } from '../../../../sidecar/inbound/message-timeout';
import { LoopShares } from '../../../../sidecar/lib/loop-shares';
import { acceptUpgrade } from '../../../../sidecar/websocket/accept-upgrade';
import type { BytesReader } from '../../../../sidecar/websocket/bridge-socket';
import type { FrameLimits } from '../../../../sidecar/websocket/frame-reader';
import type { Order } from './course';

export const LIMITS: FrameLimits = { maxMessageBytes: 150_000, maxFragments: 6, maxPieces: 1000 };

/** A server's end of a WebSocket, of either. */
interface End {
  readonly readyState: number;
  ping(): void;
  pong(payload: Buffer): void;
  pause(): void;
  resume(): void;
  close(code: number, reason: string): void;
  terminate(): void;
}

/** A server that writes down what each client made it tell. */
export interface RecordingServer {
  readonly port: number;
  /** Its record of the client that asks for this path. */
  expect(path: string): string[];
  close(): void;
}

type Accept = (message: IncomingMessage, stream: Duplex, head: Buffer, told: string[]) => void;

/** How a server behaves, whichever it is: it answers pings, echoes what is binary and obeys orders. */
function behaviour(told: string[], end: End, stream: Duplex): SocketOwner {
  const orders: Readonly<Record<Order, () => void>> = {
    '!pause': () => {
      end.pause();
      void later(() => {
        end.resume();
      });
    },
    '!ping': () => {
      end.ping();
    },
    '!close': () => {
      end.close(4001, 'as ordered');
    },
    '!terminate': () => {
      end.terminate();
    },
    // Bytes that come meanwhile are not read before the end.
    '!leave': () => {
      end.pause();
      void later(() => {
        end.terminate();
      });
    },
  };
  return {
    pinged: (payload) => {
      told.push(`ping ${payload.toString('hex')}`);
      end.pong(payload);
    },
    ponged: () => told.push('pong'),
    received: (payload, binary) => {
      told.push(`${binary ? 'binary' : 'text'} ${payload.toString('hex')}`);
      if (binary && end.readyState === 1) stream.write(encodeFrame(payload, true));
      if (!binary && Object.hasOwn(orders, payload.toString())) orders[payload.toString() as Order]();
    },
    closed: (code) => told.push(`closed ${code}`),
  };
}

async function later(run: () => void): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
  run();
}

async function start(accept: Accept): Promise<RecordingServer> {
  const expected = new Map<string, string[]>();
  const server: Server = createServer();
  server.on('upgrade', (message, stream, head) => {
    // As the bridge has it while it decides.
    stream.on('error', () => undefined);
    const told = expected.get(message.url ?? '') ?? [];
    expected.delete(message.url ?? '');
    void (async () => {
      const lateness = Number(message.headers['x-lateness']);
      for (let turns = 0; turns < lateness; turns += 1) await turn();
      accept(message, stream, head, told);
      if (stream.destroyed) told.push('not opened');
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    expect: (path) => {
      const told: string[] = [];
      expected.set(path, told);
      return told;
    },
    close: () => void server.close(),
  };
}

export function startWs(): Promise<RecordingServer> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    autoPong: false,
    maxPayload: LIMITS.maxMessageBytes,
    maxFragments: LIMITS.maxFragments,
    maxBufferedChunks: LIMITS.maxPieces,
  });
  return start((message, stream, head, told) => {
    server.handleUpgrade(message, stream, head, (socket) => {
      const owner = behaviour(told, socket, stream);
      socket.on('message', (payload, binary) => {
        owner.received(payload as Buffer, binary);
      });
      socket.on('ping', (payload) => {
        owner.pinged(payload);
      });
      socket.on('pong', () => {
        owner.ponged();
      });
      socket.on('close', (code) => {
        owner.closed(code);
      });
      socket.on('error', () => undefined);
    });
  });
}

/** @param shares of the loop's time, for what clients send */
export function startOurs(shares: LoopShares): Promise<RecordingServer> {
  return start((message, stream, head, told) => {
    const key = message.headers['sec-websocket-key'] ?? '';
    acceptUpgrade({ stream, head, key }, LIMITS, undefined, (socket) => {
      socket.reader = readerWith(shares);
      const end: End = {
        get readyState() {
          return socket.readyState;
        },
        ping: () => {
          socket.ping();
        },
        pong: (payload) => {
          socket.pong(payload, () => undefined);
        },
        pause: () => {
          socket.pause();
        },
        resume: () => {
          socket.resume();
        },
        close: (code, reason) => {
          socket.close(code, reason);
        },
        terminate: () => {
          socket.terminate();
        },
      };
      socket.owner = behaviour(told, end, stream);
    });
  });
}

function readerWith(shares: LoopShares): BytesReader {
  const progress = new MessageProgress();
  return {
    shares,
    tenantId: 'acme',
    nowMs: 0,
    get frameBytesLeft() {
      return progress.frameBytesLeft;
    },
    keeps: () => undefined,
    read: (bytes) => {
      progress.read(bytes);
    },
  };
}

/** A loop with time for a few pieces a turn, so that much waits. */
export function scarceShares(): LoopShares {
  let nowMs = 0;
  return new LoopShares({
    nowMs: () => (nowMs += 0.3),
    later: (run) => void setImmediate(run),
  });
}
