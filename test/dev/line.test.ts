import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Line } from '../../dev/line';

let server: Server;
let line: Line;
let accepted: Socket[];

beforeEach(async () => {
  accepted = [];
  server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket.on('error', () => undefined));
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  line = await Line.open((server.address() as AddressInfo).port);
});
afterEach(async () => {
  await line.close();
  for (const socket of accepted) socket.destroy();
  server.close();
});

/** Connects and says something, which comes back. */
async function say(text: string): Promise<Socket> {
  const socket = connect({ port: line.port, host: '127.0.0.1' }).on('error', () => undefined);
  socket.write(text);
  const [echo] = (await once(socket, 'data')) as [Buffer];
  expect(echo.toString()).toBe(text);
  return socket;
}

/** Waits for the close of a socket. @returns whether it was closed by an error, as by a reset */
function withError(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.once('close', resolve));
}

const request = (query: string): string => `GET /ws/ai/chat?${query} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe('a line that can be cut', () => {
  it('carries bytes both ways, and the end of either side', async () => {
    const socket = await say('hello');
    const ended = once(socket, 'end');
    socket.end();
    await ended;
    expect(socket.readableEnded).toBe(true);
  });

  it('resets the connections of one id at both ends, and leaves the others alone', async () => {
    const [meant, other] = [await say(request('line=a-1&resume=x.1')), await say(request('line=b-2'))];
    const closed = Promise.all([meant, ...accepted.slice(0, 1)].map(withError));
    expect(line.cut('a-1')).toBe(1);
    expect(await closed).toEqual([true, true]);
    other.write('still there');
    expect(String(await once(other, 'data'))).toBe('still there');
  });

  it('takes the id of the last request on a connection that is used again', async () => {
    const socket = await say(request('line=first'));
    socket.write(request('session=s&line=second'));
    await once(socket, 'data');
    expect([line.cut('first'), line.cut('second')]).toEqual([0, 1]);
  });

  it('leads new connections elsewhere, and leaves those that are open where they are', async () => {
    const socket = await say('before');
    const other = createServer((far) => far.end('elsewhere')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    line.leadTo((other.address() as AddressInfo).port);
    const next = connect({ port: line.port, host: '127.0.0.1' });
    expect(String(await once(next, 'data'))).toBe('elsewhere');
    socket.write('still here');
    expect(String(await once(socket, 'data'))).toBe('still here');
    other.close();
  });

  it('cuts nothing for an id that nobody has', async () => {
    await say(request('session=line'));
    expect(line.cut('session')).toBe(0);
  });

  it('ends a connection when nobody listens at the far end', async () => {
    server.close();
    const socket = connect({ port: line.port, host: '127.0.0.1' }).on('error', () => undefined);
    await once(socket, 'close');
    expect(line.cut('any')).toBe(0);
  });
});
