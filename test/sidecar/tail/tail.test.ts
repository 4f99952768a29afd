import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { startTail } from '../../../sidecar/tail/tail';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }
});

async function serve(listener?: RequestListener): Promise<{ server: Server; url: URL }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return {
    server,
    url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/notifications`),
  };
}

/** Answers upgrades in order, and after the last as the last. */
function answering(server: Server, ...answers: readonly string[]): void {
  let count = 0;
  server.on('upgrade', (_, socket) => {
    socket.end(answers[Math.min(count++, answers.length - 1)]);
  });
}

/** Runs a tail until it ends by itself. */
async function tail(url: URL, token = 'a.b.c'): Promise<{ code: number; notes: readonly string[] }> {
  const notes: string[] = [];
  const { ended } = startTail({
    url,
    token,
    resume: undefined,
    out: () => undefined,
    note: (line) => notes.push(line),
  });
  const code = await ended;
  return { code, notes: notes.filter((line) => !/^-- (connecting|reconnecting|closed)$/.test(line)) };
}

const refusal = (status: string, body = '') =>
  `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('ws-bridge tail', () => {
  it('says each refusal that may pass, tries again, and ends at one that stays', async () => {
    const { server, url } = await serve();
    answering(server, refusal('503 Service Unavailable', '{"message":"draining"}'), refusal('410 Gone'));
    expect(await tail(url)).toEqual({ code: 1, notes: ['-- refused: 503 draining', '-- refused: 410'] });
  });

  it.each(['301 Moved Permanently', '200 OK', '405 Method Not Allowed'])(
    'ends when what answers is no gateway: %s',
    async (status) => {
      const { server, url } = await serve();
      answering(server, refusal(status));
      expect(await tail(url)).toEqual({ code: 1, notes: [`-- refused: ${status.slice(0, 3)}`] });
    },
  );

  it('ends at an answer that is no WebSocket handshake, and says so', async () => {
    const { server, url } = await serve();
    answering(
      server,
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    );
    expect(await tail(url)).toEqual({
      code: 1,
      notes: ['-- cannot connect: Invalid Sec-WebSocket-Accept header'],
    });
  });

  it('ends when TLS is spoken to one that speaks none', async () => {
    const { url } = await serve();
    url.protocol = 'wss:';
    const { code, notes } = await tail(url);
    expect([code, notes]).toEqual([1, [expect.stringMatching(/^-- cannot connect: .*wrong version number/)]]);
  });

  it('ends at a token that no socket takes, without a part of it', async () => {
    const { url } = await serve();
    const { code, notes } = await tail(url, 'a b c');
    expect(code).toBe(1);
    expect(notes).toEqual([
      '-- token: expected a function that gives a text such as a JWT, got a text with other characters',
    ]);
  });

  it('shows what a terminal would obey, whoever sent it', async () => {
    const { server, url } = await serve();
    new WebSocketServer({ server }).on('connection', (socket) => {
      const data = { epoch: 'e', offset: 0, resumed: false, session: 's\u001b[2J' };
      socket.send(JSON.stringify({ type: 'bridge.ready', data }));
      socket.send('\u001b]0;title\u0007{"n":1}\r\n-- closed: 4403\u009b2J\u202e');
      socket.send('{"type":"bridge.gap","data":{"reason":"\u007f","epoch":"e","offset":7}}');
      socket.send('{"type":"bridge.error","data":{"code":"\u009b","message":"\\u001b[1m"}}');
      socket.close(4403, 'no\u001b[0m');
    });
    const lines: string[] = [];
    const take = (line: string) => void lines.push(line);
    expect(await startTail({ url, token: 'a.b.c', resume: undefined, out: take, note: take }).ended).toBe(1);
    expect(lines.filter((line) => line !== '-- connecting')).toEqual([
      String.raw`-- open, session s\u001b[2J`,
      String.raw`\u001b]0;title\u0007{"n":1}\u000d\u000a-- closed: 4403\u009b2J\u202e`,
      String.raw`-- gap (\u007f): frames were lost or may have been`,
      String.raw`-- refused: \u009b \u001b[1m`,
      String.raw`-- closed: 4403 no\u001b[0m`,
      '-- closed',
      '-- not tried again: 4403 is for good',
      '-- to go on from here: --resume e.7',
    ]);
  });

  it('says with which code a connection was closed', async () => {
    const { server, url } = await serve();
    new WebSocketServer({ server }).on('connection', (socket) => {
      const data = { epoch: 'e', offset: 0, resumed: false };
      socket.send(JSON.stringify({ type: 'bridge.ready', data }));
      socket.close(4403, 'not yours');
    });
    expect(await tail(url)).toEqual({
      code: 1,
      notes: [
        '-- open',
        '-- closed: 4403 not yours',
        '-- not tried again: 4403 is for good',
        '-- to go on from here: --resume e.0',
      ],
    });
  });
});
