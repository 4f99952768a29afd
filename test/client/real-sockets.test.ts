import { WebSocket } from 'ws';
import { connectChat, type ChatClient, type ChatOptions } from '../../client/src/chat.ts';
import { FakeBridge } from './fake-bridge';
import { numbered } from './fixture';
import { serve, type WsServer } from './ws-server';

let bridge: FakeBridge;
let server: WsServer;
let client: ChatClient;

beforeEach(async () => {
  bridge = new FakeBridge();
  server = await serve(bridge);
});
afterEach(async () => {
  client.close();
  await server.stop();
});

function connected(options: Partial<ChatOptions> = {}): ChatClient {
  const { url } = server;
  client = connectChat({
    url,
    path: '/ws/ai/chat',
    token: () => 'a.b-_c',
    WebSocket,
    backoffBaseMs: 5,
    ...options,
  });
  return client;
}

/** Resolves at the next change to this state. */
function reaches(state: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = client.on('state', (now) => {
      if (now !== state) return;
      stop();
      resolve();
    });
  });
}

describe('over real sockets, with the WebSocket of ws', () => {
  it('the token travels among the subprotocols, and a refused handshake is tried again', async () => {
    server.refusals = 2;
    connected();
    await reaches('open');
    expect(server.offered).toEqual(Array(3).fill('bridge.v1,bearer.a.b-_c'));
  });

  it('every frame arrives once and in order over connections that are reset', async () => {
    connected();
    const indexes: number[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('frame', (frame) => {
        if (frame.type === 'token') indexes.push(frame.data.index);
        if (indexes.length === 500) resolve();
      });
    });
    client.on('gap', () => indexes.push(NaN));
    await reaches('open');
    for (let round = 0; round < 5; round += 1) {
      for (let count = 0; count < 50; count += 1) bridge.publish(numbered(bridge.length));
      server.reset();
      for (let count = 0; count < 50; count += 1) bridge.publish(numbered(bridge.length));
      await reaches('open');
    }
    await all;
    expect(indexes).toEqual([...Array(500).keys()]);
  });

  it('bytes arrive as an ArrayBuffer, and go as they are', async () => {
    connected();
    bridge.session = undefined;
    const arrived = new Promise((resolve) => client.on('message', resolve));
    await reaches('open');
    const received = new Promise((resolve) => {
      bridge.receive = (_, message) => {
        resolve(message);
      };
    });
    bridge.publish(Uint8Array.of(0xff, 1));
    expect(Object.prototype.toString.call(await arrived)).toBe('[object ArrayBuffer]');
    expect(new Uint8Array((await arrived) as ArrayBuffer)).toEqual(Uint8Array.of(0xff, 1));
    client.sendMessage(Uint8Array.of(2, 3));
    expect(await received).toEqual(Buffer.of(2, 3));
  });

  it('a command is acknowledged, and its answer iterated', async () => {
    connected();
    const tokens: string[] = [];
    const acknowledged = client.send('message');
    await acknowledged;
    const answer = client.ask('message', { text: 'revenue?' });
    bridge.publish(numbered(0));
    bridge.publish('{"type": "complete", "data": {}}');
    for await (const token of answer) tokens.push(token);
    expect(tokens).toEqual(['t0']);
    expect(client.session).toBe('s1');
  });

  it('close() ends the socket, also one whose handshake is under way', async () => {
    connected();
    await reaches('open');
    client.close();
    await server.empty();
    expect(bridge.peers.size).toBe(0);

    let socket: WebSocket | undefined;
    class Observed extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        // eslint-disable-next-line @typescript-eslint/no-this-alias -- it is what the test looks at
        socket = this;
        queueMicrotask(() => {
          client.close();
        });
      }
    }
    connected({ WebSocket: Observed });
    await reaches('closed');
    await new Promise((resolve) => socket?.once('close', resolve));
    expect(socket?.readyState).toBe(WebSocket.CLOSED);
  });
});
