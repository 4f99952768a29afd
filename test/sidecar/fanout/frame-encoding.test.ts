import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { jest } from '@jest/globals';
import {
  encodeFrame,
  frameBytesAt,
  isBinary,
  isFrameAt,
  payloadBytesAt,
} from '../../../sidecar/fanout/frame-encoding';
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

describe('the memory of a frame', () => {
  it('is its own where it may be kept for long, and a part of a slab where not, which is quicker', () => {
    const payload = Buffer.alloc(100);
    const kept = encodeFrame(payload, false, true);
    expect(kept.buffer.byteLength).toBe(kept.length);
    const passing = encodeFrame(payload, false);
    expect(passing.buffer.byteLength).toBeGreaterThan(passing.length);
  });

  it('shows nothing of what it held before', () => {
    const dirty = jest.spyOn(Buffer, 'allocUnsafe').mockImplementation((size) => Buffer.alloc(size, 0xff));
    const bytes = encodeFrame(Buffer.alloc(65_536), false);
    dirty.mockRestore();
    expect(bytes.toString('hex', 0, 10)).toBe('817f0000000000010000');
  });
});

describe('a frame among others', () => {
  const BEFORE = encodeFrame(Buffer.from('before'), false);
  const BEHIND = encodeFrame(Buffer.from('behind'), false);

  describe.each([0, 1, 124, 125, 126, 65_535, 65_536, 100_000])('of %i bytes', (size) => {
    const wire = encodeFrame(Buffer.alloc(size), true);
    const at = BEFORE.length;

    it('is read where it begins', () => {
      const bytes = Buffer.concat([BEFORE, wire, BEHIND]);
      expect(frameBytesAt(bytes, at)).toBe(wire.length);
      expect(payloadBytesAt(bytes, at)).toBe(size);
      expect([0, at, at + wire.length].map((start) => isFrameAt(bytes, start))).toEqual([true, true, true]);
    });

    it('is one only when it is whole', () => {
      const bytes = Buffer.concat([BEFORE, wire]);
      expect(isFrameAt(bytes, at)).toBe(true);
      const header = wire.length - size;
      for (let cut = 1; cut <= header + Math.min(size, 3); cut += 1)
        expect(isFrameAt(bytes.subarray(0, -cut), at)).toBe(false);
      for (let kept = 0; kept < header; kept += 1)
        expect(isFrameAt(bytes.subarray(0, at + kept), at)).toBe(false);
    });
  });

  it.each([
    ['text', [0x81, 0], true],
    ['binary', [0x82, 0], true],
    ['a fragment', [0x01, 0], false],
    ['the last fragment', [0x80, 0], false],
    ['a close', [0x88, 0], false],
    ['with a reserved bit', [0xc1, 0], false],
    ['masked as a client masks', [0x81, 0x80, 0, 0, 0, 0], false],
    ['masked, with a payload', [0x81, 0x81, 0, 0, 0, 0, 0], false],
  ])('that is %s is told as one of the server or not', (_, bytes, isOne) => {
    expect(isFrameAt(Buffer.concat([Buffer.from(bytes), Buffer.alloc(20)]), 0)).toBe(isOne);
  });

  it('is binary or text as it was made', () => {
    expect([true, false].map((binary) => isBinary(encodeFrame(Buffer.from('x'), binary)))).toEqual([
      true,
      false,
    ]);
  });
});
