import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LateRequests } from '../../../sidecar/handshake/late-requests';

let server: Server;
let late: LateRequests;
const clients: Socket[] = [];

beforeEach(async () => {
  server = createServer();
  late = new LateRequests(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** A client, and the server's end of its connection. */
async function connected(): Promise<readonly [Socket, Duplex]> {
  const arrived = once(server, 'connection') as Promise<[Duplex]>;
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  clients.push(client);
  await once(client, 'connect');
  const [socket] = await arrived;
  return [client, socket];
}

describe('cutting connections on which no request has come', () => {
  it('ends one that is silent, and one whose request is not all there', async () => {
    const [silent] = await connected();
    const [slow, socket] = await connected();
    slow.write('GET / HTTP/1.1\r\nHost: ');
    await once(socket, 'data').catch(() => undefined);
    const ended = [once(silent, 'close'), once(slow, 'close')];
    late.cut();
    await Promise.all(ended);
    expect([silent.destroyed, slow.destroyed]).toEqual([true, true]);
  });

  it('leaves one whose answer is under way, which gets it whole', async () => {
    const [client] = await connected();
    client.write('GET / HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n');
    const [, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    late.cut();
    response.end('whole');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toContain('whole');
  });

  it('leaves one that was upgraded', async () => {
    const [client] = await connected();
    client.write('GET / HTTP/1.1\r\nHost: bridge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const [, stream] = (await once(server, 'upgrade')) as [IncomingMessage, Duplex];
    late.cut();
    stream.write('still here');
    const [bytes] = (await once(client, 'data')) as [Buffer];
    expect(bytes.toString()).toBe('still here');
    stream.destroy();
  });

  it('forgets one that is closed', async () => {
    const [client, socket] = await connected();
    client.destroy();
    await once(socket, 'close');
    let cuts = 0;
    socket.destroy = () => {
      cuts += 1;
      return socket;
    };
    late.cut();
    expect(cuts).toBe(0);
  });

  it('keeps no listener on one that was upgraded', async () => {
    const [client] = await connected();
    client.write('GET / HTTP/1.1\r\nHost: bridge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const [, stream] = (await once(server, 'upgrade')) as [IncomingMessage, Duplex];
    expect(stream.listeners('close').map(({ name }) => name)).not.toContain('forget');
    stream.destroy();
  });
});
