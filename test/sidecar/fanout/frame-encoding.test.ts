import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { Client } from '../fixture';

const server = createServer();
const webSockets = new WebSocketServer({ noServer: true });
let client: Client;
let raw: Duplex;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upgraded = new Promise<Duplex>((resolve) => {
    server.once('upgrade', (request, socket, head) => {
      webSockets.handleUpgrade(request, socket, head, () => undefined);
      resolve(socket);
    });
  });
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client = new Client(socket);
  await once(socket, 'open');
  raw = await upgraded;
});
afterAll(async () => {
  await client.close();
  server.close();
});

describe('a frame of the server', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 1_048_577])(
    'of %i bytes is read as the message that it was made of',
    async (size) => {
      const payload = Buffer.alloc(size, 'é');
      const text = payload.toString('utf8');
      raw.write(encodeFrame(payload, true));
      raw.write(encodeFrame(Buffer.from(text), false));
      const [first, second] = [await client.next(), await client.next()];
      expect([first.binary, first.data.equals(payload)]).toEqual([true, true]);
      expect([second.binary, second.data.equals(Buffer.from(text))]).toEqual([false, true]);
    },
  );

  it('has the shortest header that its length fits', () => {
    const headers = [125, 126, 65_535, 65_536].map((size) => {
      const bytes = encodeFrame(Buffer.alloc(size), false);
      return bytes.subarray(0, bytes.length - size).toString('hex');
    });
    expect(headers).toEqual(['817d', '817e007e', '817effff', '817f0000000000010000']);
  });

  it('keeps a copy, whatever becomes of the bytes that it was made of', () => {
    const payload = Buffer.from('ok');
    const bytes = encodeFrame(payload, false);
    payload.fill('x');
    expect(bytes.toString('latin1', 2)).toBe('ok');
  });
});
