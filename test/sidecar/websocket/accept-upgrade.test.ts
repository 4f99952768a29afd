import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { maskedFrame, OPCODE_BINARY } from '../../../bench/neighbour/masked-frame';
import { acceptUpgrade, type GoodHandshake } from '../../../sidecar/websocket/accept-upgrade';
import { startRedis } from '../../fakes/redis-server';
import { connectCounting, startBridge } from '../fixture';

/** A TCP connection that keeps what each write to the kernel had. */
class Connection extends Duplex {
  readonly written: string[] = [];

  constructor() {
    // As a socket, which takes what is corked in one call.
    super({
      read: () => undefined,
      writev: (chunks, done) => {
        this.written.push(chunks.map(({ chunk }) => String(chunk)).join(''));
        done();
      },
    });
  }
}

const LIMITS = { maxMessageBytes: 1024, maxFragments: 16, maxPieces: 16 };
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

function handshakeOn(stream: Duplex, head: Buffer = Buffer.alloc(0)): GoodHandshake {
  return { stream, head, key: KEY };
}

describe('the answer to an upgrade', () => {
  it('is that of the example in RFC 6455, and names the subprotocol that is agreed to', () => {
    const connection = new Connection();
    acceptUpgrade(handshakeOn(connection), LIMITS, 'plain.v1', () => undefined);
    expect(connection.written).toEqual([
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: plain.v1\r\n\r\n',
    ]);
  });

  it('names no subprotocol where none is agreed to', () => {
    const connection = new Connection();
    acceptUpgrade(handshakeOn(connection), LIMITS, undefined, () => undefined);
    expect(connection.written.join('')).not.toContain('Protocol:');
  });

  it('brings along what is written as soon as the socket is there, in one write', () => {
    const connection = new Connection();
    acceptUpgrade(handshakeOn(connection), LIMITS, 'bridge.v1', () => connection.write('bridge.ready'));
    expect(connection.written).toEqual([expect.stringMatching(/^HTTP\/1.1 101 [^]*\r\n\r\nbridge\.ready$/)]);
  });

  it('is sent at once when what comes with it fails', () => {
    const connection = new Connection();
    const fail = (): void => {
      throw new Error('it failed');
    };
    expect(() => {
      acceptUpgrade(handshakeOn(connection), LIMITS, 'bridge.v1', fail);
    }).toThrow('it failed');
    expect(connection.writableCorked).toBe(0);
    expect(connection.written).toHaveLength(1);
  });

  it('is not given to a client that has hung up', () => {
    const connection = new Connection();
    connection.end();
    const onOpen = jest.fn();
    acceptUpgrade(handshakeOn(connection), LIMITS, undefined, onOpen);
    expect([connection.destroyed, onOpen.mock.calls]).toEqual([true, []]);
  });

  it('is followed by the frames that came with the handshake', async () => {
    const connection = new Connection();
    const frame = maskedFrame(OPCODE_BINARY, Buffer.from('early'), { fin: true });
    const received = new Promise<string>((resolve) => {
      acceptUpgrade(handshakeOn(connection, frame), LIMITS, undefined, (socket) => {
        socket.owner = {
          pinged: () => undefined,
          ponged: () => undefined,
          closed: () => undefined,
          received: (payload) => {
            resolve(payload.toString());
          },
        };
      });
    });
    expect(await received).toBe('early');
  });

  it('brings bridge.ready to a client of bridge.v1', async () => {
    const redis = await startRedis();
    const { bridge, url } = await startBridge(redis.url);
    const writes = jest.spyOn(Socket.prototype, '_writev' as 'write');
    try {
      const client = await connectCounting(`${url}/ws/ai/chat`, { tenant: 'acme', user: 'alice' });
      const written = writes.mock.calls.map(([chunks]) =>
        (chunks as unknown as readonly { readonly chunk: string | Buffer }[])
          .map(({ chunk }) => chunk.toString('latin1'))
          .join(''),
      );
      const answers = written.filter((text) => text.startsWith('HTTP/1.1 101 '));
      expect(answers).toEqual([expect.stringContaining('"type":"bridge.ready"')]);
      await client.client.cut();
    } finally {
      writes.mockRestore();
      await bridge.close();
      await redis.stop();
    }
  });
});
