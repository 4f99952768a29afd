import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
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
      const told = new Promise<number>((resolve) => {
        const nothing = (): void => undefined;
        of.stream.owner = { pinged: nothing, ponged: nothing, received: nothing, closed: resolve };
      });
      await end(of);
      return told;
    };
    expect(
      await closes(({ stream }) => {
        stream.close(1012, 'Service Restart');
      }),
    ).toBe(1012);
    expect(await closes(({ client }) => client.cut())).toBe(1006);
  });
});
