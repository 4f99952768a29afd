import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { BridgeSocket } from '../../../sidecar/fanout/bridge-socket';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { Client } from '../fixture';

const server = createServer();
const webSockets = new WebSocketServer({
  noServer: true,
  WebSocket: BridgeSocket,
  perMessageDeflate: false,
  maxPayload: 100,
});

interface Pair {
  readonly client: Client;
  readonly socket: BridgeSocket;
  readonly stream: Duplex;
  /** The opcodes of the frames that were handed to the stream so far. */
  readonly opcodes: () => number[];
}

async function pair(): Promise<Pair> {
  const written: Buffer[] = [];
  const upgraded = new Promise<readonly [BridgeSocket, Duplex]>((resolve) => {
    server.once('upgrade', (request, stream, head) => {
      webSockets.handleUpgrade(request, stream, head, (socket) => {
        resolve([socket, stream]);
      });
    });
  });
  const opened = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = new Client(opened);
  await once(opened, 'open');
  const [socket, stream] = await upgraded;
  socket.on('error', () => undefined);
  const write = stream.write.bind(stream) as (bytes: Buffer) => boolean;
  stream.write = (bytes: Buffer) => {
    written.push(bytes);
    return write(bytes);
  };
  return { client, socket, stream, opcodes: () => opcodesOf(Buffer.concat(written)) };
}

/** Of whole frames of at most 125 bytes. */
function opcodesOf(bytes: Buffer): number[] {
  const opcodes: number[] = [];
  for (let at = 0; at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) opcodes.push((bytes[at] ?? 0) & 0x0f);
  return opcodes;
}

const PENDING = encodeFrame(Buffer.from('pending'), false);
const [TEXT, CLOSE, PING, PONG] = [0x1, 0x8, 0x9, 0xa];

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

describe("what the bridge relies on of ws's writing", () => {
  it('a ping and a close are on the stream, whole, when the call returns', async () => {
    const { client, socket, stream, opcodes } = await pair();
    stream.write(PENDING);
    socket.ping();
    stream.write(PENDING);
    socket.close(1000);
    expect(opcodes()).toEqual([TEXT, PING, TEXT, CLOSE]);
    expect(await client.nextText()).toBe('pending');
    expect(await client.nextText()).toBe('pending');
    expect(await client.closed).toBe(1000);
  });

  it('a pong to a client is one write, between whole frames', async () => {
    const { client, stream, opcodes } = await pair();
    stream.write(PENDING);
    client.socket.ping();
    await once(client.socket, 'pong');
    stream.write(PENDING);
    expect(opcodes()).toEqual([TEXT, PONG, TEXT]);
    await client.close();
  });

  it.each([
    [
      'the bridge closes',
      ({ socket }: Pair) => {
        socket.close(4401, 'Token Expired');
      },
      4401,
    ],
    [
      'the client closes',
      ({ client }: Pair) => {
        client.socket.close(1000);
      },
      1000,
    ],
    [
      'the client sends more than it may',
      ({ client }: Pair) => {
        client.socket.send('x'.repeat(101));
      },
      1009,
    ],
  ])('what is written before the close goes out first when %s', async (_, close, code) => {
    const connected = await pair();
    const { client, socket, stream, opcodes } = connected;
    let calls = 0;
    socket.beforeClose = () => {
      calls += 1;
      stream.write(PENDING);
    };
    close(connected);
    expect(await client.nextText()).toBe('pending');
    expect(await client.closed).toBe(code);
    expect([opcodes(), calls]).toEqual([[TEXT, CLOSE], 1]);
  });
});

it.each([
  ['a frame that breaks RFC 6455', { mask: false }, 'x', 1002],
  ['a text message that is not UTF-8', { binary: false }, Buffer.from([0xff]), 1007],
])('%s closes its socket with the code of PROTOCOL.md §4', async (_, options, message, code) => {
  const { client } = await pair();
  client.socket.send(message, options);
  expect(await client.closed).toBe(code);
});

it('a socket tells its owner what happens to it, and an error ends nothing but the socket', async () => {
  const { client, socket } = await pair();
  socket.removeAllListeners('error');
  const told: unknown[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.owner = {
      pinged: () => told.push('ping'),
      ponged: () => told.push('pong'),
      received: (payload, binary) => told.push([payload.toString(), binary]),
      closed: (code) => {
        told.push(code);
        resolve();
      },
    };
  });
  client.socket.ping();
  client.socket.pong();
  client.socket.send('hello');
  // More than the server takes.
  client.socket.send('x'.repeat(101));
  await closed;
  expect(told).toEqual(['ping', 'pong', ['hello', false], 1006]);
});
