import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PostedMessages } from '../../../sidecar/handshake/posted-messages';
import { createTrafficServer } from '../../../sidecar/handshake/traffic-server';
import type { UpgradeHandler } from '../../../sidecar/handshake/upgrade-handler';
import type { Refusal } from '../../../sidecar/http/refusal';
import { compileRoutes } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';

const PATH = '/ws/notifications';
const MAX_HEADER_BYTES = 65_536;

let server: Server;
let isReady: boolean;
/** All that is handed on, and to whom. */
let handed: unknown[];
const clients: Socket[] = [];

/** Ends what it is given, so that its client hears of it. */
const upgradeHandler = {
  handle: ({ url }: IncomingMessage, socket: Duplex, head: Buffer) => {
    handed.push(['upgrade', url, head.toString()]);
    socket.end('HTTP/1.1 101 upgraded\r\n\r\n');
  },
  handleStream: ({ url }: IncomingMessage, response: ServerResponse) => {
    handed.push(['stream', url]);
    response.writeHead(200).end();
  },
  refuse: ({ status }: Refusal, socket: Duplex, request?: IncomingMessage) => {
    handed.push(['refuse', request?.method]);
    socket.end(`HTTP/1.1 ${status} refused\r\n\r\n`);
  },
  refuseUnread: ({ code }: NodeJS.ErrnoException, socket: Duplex) => {
    handed.push(['unread', code]);
    socket.end('HTTP/1.1 400 unread\r\n\r\n');
  },
};
const postedMessages = {
  handle: (request: IncomingMessage, response: ServerResponse) => {
    handed.push(['post', request.rawHeaders.length / 2]);
    response.writeHead(202).end();
  },
};

beforeEach(async () => {
  handed = [];
  isReady = true;
  server = createTrafficServer(
    { handshakeTimeoutMs: 60_000, maxHeaderBytes: MAX_HEADER_BYTES },
    compileRoutes(DEFAULT_ROUTES),
    upgradeHandler as unknown as UpgradeHandler,
    postedMessages as unknown as PostedMessages,
    () => ({ redis: isReady }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Sends a request. @returns the status of its answer */
async function ask(line: string, ...headers: readonly string[]): Promise<number> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  clients.push(client);
  client.write([line, ...headers, '', ''].join('\r\n'));
  const [answer] = (await once(client, 'data')) as [Buffer];
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer.toString('latin1'))?.[1]);
}

const STREAM = 'Accept: text/event-stream';

describe('the port that a gateway sends traffic to', () => {
  it('hands on upgrades, with what came behind them', async () => {
    const upgrade = ['Host: a', 'Connection: Upgrade', 'Upgrade: websocket', '', 'behind'];
    expect(await ask(`GET ${PATH} HTTP/1.1`, ...upgrade)).toBe(101);
    expect(handed).toEqual([['upgrade', PATH, 'behind\r\n\r\n']]);
  });

  it('hands on requests for event streams, and no other that names one', async () => {
    expect(await ask(`GET ${PATH} HTTP/1.1`, 'Host: a', STREAM)).toBe(200);
    expect(await ask(`PUT ${PATH} HTTP/1.1`, 'Host: a', STREAM)).toBe(426);
    expect(await ask(`GET ${PATH} HTTP/1.1`, 'Host: a', 'Accept: */*')).toBe(426);
    expect(handed).toEqual([['stream', PATH]]);
  });

  it('hands on messages', async () => {
    expect(await ask(`POST ${PATH} HTTP/1.1`, 'Host: a', 'Content-Length: 0')).toBe(202);
    expect(handed).toEqual([['post', 2]]);
  });

  it('refuses any other request by itself', async () => {
    expect(await ask(`GET ${PATH} HTTP/1.1`, 'Host: a')).toBe(426);
    expect(await ask('GET /nowhere HTTP/1.1', 'Host: a')).toBe(404);
    expect(await ask(`GET ${PATH} HTTP/1.1`)).toBe(400);
    expect(handed).toEqual([]);
  });

  it('answers its balancer whether upgrades can be admitted, whatever that asks with', async () => {
    expect(await ask('GET /healthz HTTP/1.1', 'Host: a')).toBe(200);
    isReady = false;
    expect(await ask('GET /healthz HTTP/1.1', 'Host: a', STREAM)).toBe(503);
    expect(await ask('POST /healthz HTTP/1.1', 'Host: a', 'Content-Length: 0')).toBe(405);
    expect(handed).toEqual([]);
    // A gateway's is a client's, and no check.
    const forwarded = ['Host: a', 'X-Forwarded-For: 10.0.0.1', 'Content-Length: 0'];
    expect(await ask('POST /healthz HTTP/1.1', ...forwarded)).toBe(202);
  });

  it.each([
    ['CONNECT', 405, ['CONNECT a:443 HTTP/1.1', 'Host: a'], ['refuse', 'CONNECT']],
    ['an Expect', 417, [`GET ${PATH} HTTP/1.1`, 'Host: a', 'Expect: tea'], ['refuse', 'GET']],
    ['no HTTP', 400, ['hello'], ['unread', 'HPE_INVALID_METHOD']],
    [
      'headers that are too large',
      400,
      [`GET ${PATH} HTTP/1.1`, 'Host: a', `X: ${'x'.repeat(MAX_HEADER_BYTES)}`],
      ['unread', 'HPE_HEADER_OVERFLOW'],
    ],
  ])('has what Node would answer by itself refused and counted: %s', async (_, status, lines, refused) => {
    const [line = '', ...headers] = lines;
    expect(await ask(line, ...headers)).toBe(status);
    expect(handed).toEqual([refused]);
  });

  it('leaves out none of the headers, however many there are', async () => {
    const many = Array.from({ length: 2100 }, (_, index) => `h${index}:`);
    await ask(`POST ${PATH} HTTP/1.1`, 'Host: a', 'Content-Length: 0', ...many);
    expect(handed).toEqual([['post', 2102]]);
  });
});
