import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { SocketOwner } from '../../../sidecar/fanout/client-socket';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { maskedFrame, OPCODE_BINARY } from '../../../bench/neighbour/masked-frame';
import { acceptUpgrade } from '../../../sidecar/websocket/accept-upgrade';
import { BridgeSocket, PIECE_BYTES } from '../../../sidecar/websocket/bridge-socket';
import { Client } from '../fixture';

const LIMITS = { maxMessageBytes: 100, maxFragments: 16, maxPieces: 16 };
const server = createServer();

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
    server.once('upgrade', ({ headers }, stream, head) => {
      acceptUpgrade(
        { stream, head, key: headers['sec-websocket-key'] ?? '' },
        LIMITS,
        undefined,
        (socket) => {
          resolve([socket, stream]);
        },
      );
    });
  });
  const opened = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = new Client(opened);
  await once(opened, 'open');
  const [socket, stream] = await upgraded;
  const write = stream.write.bind(stream) as (bytes: Buffer, ...rest: unknown[]) => boolean;
  stream.write = (bytes: Buffer, ...rest: unknown[]) => {
    written.push(bytes);
    return write(bytes, ...rest);
  };
  return { client, socket, stream, opcodes: () => opcodesOf(Buffer.concat(written)) };
}

function ownerThat(does: Partial<SocketOwner>): SocketOwner {
  const nothing = (): void => undefined;
  return { pinged: nothing, ponged: nothing, received: nothing, closed: nothing, ...does };
}

/** The opcodes of whole frames of at most 125 bytes. */
function opcodesOf(bytes: Buffer): number[] {
  const opcodes: number[] = [];
  for (let at = 0; at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) opcodes.push((bytes[at] ?? 0) & 0x0f);
  return opcodes;
}

/** A frame that a client does not take. */
const STUCK = encodeFrame(Buffer.from('stuck'), false);
const PENDING = encodeFrame(Buffer.from('pending'), false);
const [TEXT, CLOSE, PING, PONG] = [0x1, 0x8, 0x9, 0xa];

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
});

describe('what is written beside data frames', () => {
  it('a ping and a close are on the stream, whole, when the call returns', async () => {
    const { client, socket, stream, opcodes } = await pair();
    stream.write(PENDING);
    socket.ping();
    stream.write(PENDING);
    socket.close(1000, '');
    expect(opcodes()).toEqual([TEXT, PING, TEXT, CLOSE]);
    expect(await client.nextText()).toBe('pending');
    expect(await client.nextText()).toBe('pending');
    expect(await client.closed).toBe(1000);
  });

  it('a pong to a client is one write, between whole frames', async () => {
    const { client, socket, stream, opcodes } = await pair();
    socket.owner = ownerThat({
      pinged: (payload) => {
        socket.pong(payload, () => undefined);
      },
    });
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
        client.socket.close(1000, '');
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
    socket.writer = {
      beforeClose: () => {
        calls += 1;
        stream.write(PENDING);
      },
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

/** A socket whose client takes all that is written. */
function lone() {
  const stream = new Duplex({
    read: () => undefined,
    write: (_bytes, _encoding, done) => {
      done();
    },
  });
  const socket = new BridgeSocket(stream, LIMITS);
  const received: string[] = [];
  socket.owner = ownerThat({ received: (payload) => received.push(payload.toString()) });
  return { socket, stream, received };
}

describe('a socket that is paused', () => {
  it('reads nothing until it is resumed', async () => {
    const { socket, stream, received } = lone();
    expect(socket.isPaused).toBe(false);
    socket.pause();
    stream.push(maskedFrame(OPCODE_BINARY, Buffer.from('late')));
    await turn();
    expect([socket.isPaused, stream.isPaused(), received]).toEqual([true, true, []]);
    socket.resume();
    await turn();
    expect([socket.isPaused, stream.isPaused(), received]).toEqual([false, false, ['late']]);
  });

  it('is neither paused nor resumed once it is closed', async () => {
    const { socket, stream } = lone();
    socket.terminate();
    await once(stream, 'close');
    expect(socket.readyState).toBe(3);
    const calls = [jest.spyOn(stream, 'pause'), jest.spyOn(stream, 'resume'), jest.spyOn(stream, 'destroy')];
    socket.pause();
    expect(socket.isPaused).toBe(false);
    socket.resume();
    socket.terminate();
    expect(calls.flatMap(({ mock }) => mock.calls)).toEqual([]);
  });
});

describe('the end of a socket', () => {
  it('comes with an error of its stream, which ends nothing else', async () => {
    const { socket, stream } = lone();
    const closed = new Promise<number>((resolve) => {
      socket.owner = ownerThat({ closed: resolve });
    });
    stream.destroy(new Error('read ECONNRESET'));
    expect([await closed, socket.readyState]).toEqual([1006, 3]);
  });

  it('is a reset on a TCP connection, and a cut on any other stream', () => {
    const { socket, stream } = lone();
    socket.reset();
    expect(stream.destroyed).toBe(true);
    const tcp = lone();
    const reset = jest.fn();
    Object.assign(tcp.stream, { resetAndDestroy: reset });
    tcp.socket.reset();
    expect([reset.mock.calls.length, tcp.stream.destroyed]).toEqual([1, false]);
  });

  it('waits for the client after a close frame of the bridge', async () => {
    const { socket, stream } = lone();
    socket.close(1000, '');
    await turn();
    expect([socket.readyState, stream.writableEnded]).toEqual([2, false]);
    socket.take(maskedFrame(CLOSE, Buffer.of(0x03, 0xe8), { fin: true }));
    expect(stream.writableEnded).toBe(true);
    socket.terminate();
  });

  it.each([
    ['at once', undefined],
    [
      'in its tenant’s turn',
      {
        ...{ shares: LoopShares.uncut(), tenantId: 'acme', nowMs: 0, frameBytesLeft: 0 },
        ...{ read: () => undefined, keeps: () => undefined },
      },
    ],
  ])(
    'tells of what came before it first, read %s, though the client was not read from',
    async (_, reader) => {
      const stream = new Duplex({ read: () => undefined });
      const socket = new BridgeSocket(stream, LIMITS);
      socket.reader = reader;
      const told: unknown[] = [];
      const closed = new Promise<void>((resolve) => {
        socket.owner = ownerThat({
          received: (payload) => told.push(payload.toString()),
          closed: (code) => {
            told.push(code);
            resolve();
          },
        });
      });
      socket.pause();
      stream.push(maskedFrame(OPCODE_BINARY, Buffer.from('last words')));
      stream.destroy();
      await closed;
      await turn();
      expect(told).toEqual(['last words', 1006]);
    },
  );

  it('has the code of the client, whose close frame is answered with the same', async () => {
    const { client, socket } = await pair();
    const closed = new Promise<number>((resolve) => {
      socket.owner = ownerThat({ closed: resolve });
    });
    const answered = once(client.socket, 'close') as Promise<[number, Buffer]>;
    client.socket.close(4999, 'enough');
    const [code, reason] = await answered;
    expect([await closed, code, reason.toString()]).toEqual([4999, 4999, 'enough']);
  });

  it('has the code 1005 where the client named none', async () => {
    const { client, socket } = await pair();
    const closed = new Promise<number>((resolve) => {
      socket.owner = ownerThat({ closed: resolve });
    });
    client.socket.close();
    expect([await closed, await client.closed]).toEqual([1005, 1005]);
  });

  it.each([
    [
      'its close frame',
      (socket: BridgeSocket) => {
        socket.take(maskedFrame(0x8, Buffer.alloc(0)));
      },
    ],
    [
      'a fault',
      (socket: BridgeSocket) => {
        socket.take(Buffer.of(0xff, 0xff));
      },
    ],
    [
      'a FIN while it takes nothing',
      (_: BridgeSocket, stream: Duplex) => {
        stream.write(STUCK);
        stream.push(null);
      },
    ],
  ])('comes half a minute after %s at the latest, though the client stays', async (_, begin) => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    try {
      // Whose client does not end its side, as the server does.
      const stream = new Duplex({
        read: () => undefined,
        write: (bytes: Buffer, _encoding, done) => {
          if (!bytes.equals(STUCK)) done();
        },
      });
      const socket = new BridgeSocket(stream, LIMITS);
      begin(socket, stream);
      await turn();
      jest.advanceTimersByTime(29_999);
      expect([stream.writableEnded, stream.destroyed]).toEqual([true, false]);
      jest.advanceTimersByTime(1);
      expect(stream.destroyed).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  it.each([
    ['its close frame', maskedFrame(CLOSE, Buffer.alloc(0))],
    ['a fault', Buffer.of(0xff, 0xff)],
  ])('is waited for without reading more than a mebibyte that comes behind %s', async (_, begin) => {
    let sent = 0;
    const stream = new Duplex({
      read() {
        setImmediate(() => {
          sent += PIECE_BYTES;
          stream.push(Buffer.alloc(PIECE_BYTES));
        });
      },
      write: (_bytes, _encoding, done) => {
        done();
      },
    });
    const socket = new BridgeSocket(stream, LIMITS);
    socket.take(begin);
    const most = 1_048_576;
    for (let turns = 0; turns < 2 * (most / PIECE_BYTES); turns += 1) await turn();
    expect(sent).toBeGreaterThan(most);
    // Node reads ahead.
    expect(sent).toBeLessThan(most + 20 * PIECE_BYTES);
    stream.destroy();
  });

  it('comes five seconds after a client was read from no longer, which goes on behind its fault', () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    try {
      const stream = new Duplex({
        read: () => undefined,
        write: (_bytes, _encoding, done) => {
          done();
        },
      });
      const socket = new BridgeSocket(stream, LIMITS);
      socket.take(Buffer.of(0xff, 0xff));
      for (let bytes = 0; bytes < 2; bytes += 1) socket.take(Buffer.alloc(1_048_576));
      jest.advanceTimersByTime(4999);
      expect(stream.destroyed).toBe(false);
      jest.advanceTimersByTime(1);
      expect(stream.destroyed).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  it('writes nothing more once it is closing', async () => {
    const { client, socket, opcodes } = await pair();
    const written = new Promise<void>((resolve) => {
      socket.close(1000, '');
      socket.ping();
      socket.pong(Buffer.alloc(0), resolve);
      socket.close(1001, '');
    });
    await written;
    expect([await client.closed, opcodes()]).toEqual([1000, [CLOSE]]);
  });
});
