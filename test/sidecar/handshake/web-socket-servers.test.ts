import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { WebSocketServers } from '../../../sidecar/handshake/web-socket-servers';
import { servedRoutes } from '../../../sidecar/routes/file';
import { parseSettings } from '../../../sidecar/settings/settings';
import { startRedis } from '../../fakes/redis-server';
import { connectCounting, HANDSHAKE, SECRET, startBridge } from '../fixture';

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

const settings = parseSettings({ BRIDGE_ASSERTION_SECRET: SECRET });
const [route] = servedRoutes(undefined);
if (route === undefined) throw new Error('expected a route');
const message = {
  method: 'GET',
  headers: lowerCase({ ...HANDSHAKE, 'Sec-WebSocket-Protocol': 'bridge.v1' }),
} as unknown as IncomingMessage;

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

describe('the answer to an upgrade', () => {
  const servers = new WebSocketServers({
    messageSizes: { any: 1024, commands: 1024, relay: 1024, refuse: 1024 },
    maxFragments: settings.maxFragments,
  });

  it('brings along what is written as soon as the socket is there, in one write', () => {
    const connection = new Connection();
    const raw = { message, socket: connection, head: Buffer.alloc(0) };
    servers.accept(raw, route, 'bridge.v1', () => connection.write('bridge.ready'));
    expect(connection.written).toEqual([
      expect.stringMatching(/^HTTP\/1.1 101 [^]*Sec-WebSocket-Protocol: bridge\.v1\r\n\r\nbridge\.ready$/),
    ]);
  });

  it('is sent at once when what comes with it fails', () => {
    const connection = new Connection();
    const raw = { message, socket: connection, head: Buffer.alloc(0) };
    const fail = (): void => {
      throw new Error('it failed');
    };
    expect(() => servers.accept(raw, route, 'bridge.v1', fail)).toThrow('it failed');
    expect(connection.writableCorked).toBe(0);
    expect(connection.written).toHaveLength(1);
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
