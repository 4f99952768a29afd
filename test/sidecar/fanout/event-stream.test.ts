import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStream } from '../../../sidecar/fanout/event-stream';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { openStream, type StreamClient } from '../../fakes/event-source';

const READY = '{"type":"bridge.ready","data":{"epoch":"e1","offset":5,"resumed":false}}';
const PENDING = encodeFrame(Buffer.from('pending'), false);
const server = createServer();

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.close();
  // A test that fails leaves its connection open.
  server.closeAllConnections();
});

/** A stream that is ready, and its client. */
async function pair(): Promise<{ readonly stream: EventStream; readonly client: StreamClient }> {
  const asked = new Promise<EventStream>((resolve) => {
    server.once('request', (_request, response: ServerResponse) => {
      const beginning = { resumes: false, session: undefined, lacksState: false };
      const stream = new EventStream(response, beginning, () => 0.5);
      stream.stream.write(encodeFrame(Buffer.from(READY), false));
      resolve(stream);
    });
  });
  const client = await openStream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {});
  const stream = await asked;
  expect(await client.next()).toMatchObject({ type: 'ready' });
  return { stream, client };
}

const nothing = (): void => undefined;
const OWNER = { pinged: nothing, ponged: nothing, received: nothing, closed: nothing };

/** Counts the signs of life that the owner of a stream is told of. */
function lifeOf(stream: EventStream): () => number {
  let told = 0;
  stream.owner = { ...OWNER, ponged: () => (told += 1) };
  return () => told;
}

/** Resolves once the connection of a stream is gone. @returns the code that its owner is told */
function endOf(stream: EventStream): Promise<number> {
  return new Promise((resolve) => {
    stream.owner = { ...OWNER, closed: resolve };
  });
}

describe('an event stream', () => {
  it('says what it is, and that nobody is to keep it, read it otherwise or hold it back', async () => {
    const { stream, client } = await pair();
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
      connection: 'close',
    });
    expect([stream.transport, stream.isPaused, stream.readyState]).toEqual(['http', false, 1]);
    await client.cut();
  });

  it('that is asked for a sign of life sends a comment, and has it once the kernel took that', async () => {
    const { stream, client } = await pair();
    stream.ping();
    await client.until(() => client.comments === 1);
    const life = lifeOf(stream);
    stream.ping();
    expect(life()).toBe(0);
    await client.until(() => client.comments === 2);
    expect(life()).toBe(1);
    await client.cut();
  });

  it('gives no sign of life once it closes', async () => {
    const { stream, client } = await pair();
    const life = lifeOf(stream);
    stream.ping();
    stream.close(1012, 'Service Restart');
    stream.ping();
    await client.ended;
    expect([client.comments, life()]).toEqual([1, 0]);
  });

  it('gives no sign of life on a connection that is gone, and what is written to it harms nobody', async () => {
    const { stream, client } = await pair();
    const life = lifeOf(stream);
    stream.terminate();
    stream.ping();
    stream.stream.write(PENDING);
    await client.ended;
    await turn();
    expect(life()).toBe(0);
    expect(stream.readyState).toBe(3);
    stream.stream.write(PENDING);
    stream.ping();
    stream.close(1012, 'Service Restart');
    await turn();
  });

  it('says how much its client has not taken, and when it takes more', async () => {
    const { stream: ofClient, client } = await pair();
    const { stream } = ofClient;
    expect([stream.writableLength, stream.writableNeedDrain]).toEqual([0, false]);
    client.pause();
    expect(stream.write(encodeFrame(Buffer.alloc(16_000_000, 'x'), false))).toBe(false);
    expect(stream.writableNeedDrain).toBe(true);
    expect(stream.writableLength).toBeGreaterThan(1_000_000);
    const drained = new Promise<void>((resolve) => stream.once('drain', resolve));
    // It reads without a look at what it reads.
    client.response.removeAllListeners('data').resume();
    await drained;
    expect([stream.writableLength, stream.writableNeedDrain]).toEqual([0, false]);
    await client.cut();
  });

  it('keeps what is written together until it is whole', async () => {
    const { stream: ofClient, client } = await pair();
    const { stream } = ofClient;
    stream.cork();
    stream.write(PENDING);
    // Node itself keeps writes together for the rest of a turn.
    await turn();
    expect(stream.writableLength).toBeGreaterThan(0);
    stream.uncork();
    expect(stream.writableLength).toBe(0);
    expect(await client.next()).toMatchObject({ data: 'pending' });
    await client.cut();
  });

  it.each([
    ['without a word when it is terminated', 'terminate', false],
    ['with a reset when it is reset', 'reset', true],
  ] as const)('ends %s', async (_, end, isReset) => {
    const { stream, client } = await pair();
    const code = endOf(stream);
    const gone = new Promise((resolve) => client.response.socket.once('close', resolve));
    stream[end]();
    expect(await gone).toBe(isReset);
    expect(await code).toBe(1006);
  });
});

describe('an event stream that the bridge closes', () => {
  it('has what waits before its end, which says the code and the reason', async () => {
    const { stream, client } = await pair();
    let calls = 0;
    stream.writer = {
      beforeClose: () => {
        calls += 1;
        expect(stream.readyState).toBe(1);
        stream.stream.write(PENDING);
      },
    };
    stream.close(4401, 'Token Expired');
    stream.close(1012, 'Service Restart');
    await client.ended;
    expect(calls).toBe(1);
    expect(await client.take(client.kept)).toEqual([
      { type: 'message', data: 'pending', id: 'e1.6' },
      { type: 'close', data: '{"code":4401,"reason":"Token Expired"}', id: 'e1.6' },
    ]);
  });

  it('tells its owner that code, and 1006 where the client went first', async () => {
    const closes = async (end: (of: Awaited<ReturnType<typeof pair>>) => unknown): Promise<number> => {
      const of = await pair();
      const told = endOf(of.stream);
      await end(of);
      return told;
    };
    expect(
      await closes(({ stream }) => {
        stream.close(1012, 'Service Restart');
      }),
    ).toBe(1012);
    expect(await closes(({ client }) => client.cut())).toBe(1006);
    expect(
      await closes(({ stream, client }) => {
        client.pause();
        stream.stream.write(encodeFrame(Buffer.alloc(16_000_000, 'x'), false));
        stream.close(1012, 'Service Restart');
        return client.cut();
      }),
    ).toBe(1006);
  });
});
