import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { tellPeers, type Peers } from '../../client/src/peers';
import type { WebSocketConstructor, WebSocketLike } from '../../client/src/web-socket';

const LIST = '{"type":"bridge.peers","data":{"users":["ana","bob"],"count":3}}';
const PEERS: Peers = { users: ['ana', 'bob'], count: 3 };

/** A socket with handlers alone, as an event stream is. */
class HandlerSocket implements WebSocketLike {
  binaryType = '';
  readonly readyState = 1;
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;

  send(): void {
    // Nothing is sent here.
  }

  close(): void {
    // Nothing is open here.
  }

  comes(data: unknown): void {
    this.onmessage?.({ data } as never);
  }
}

/** One that keeps its handler behind an accessor of its class. */
class AccessorSocket extends HandlerSocket {
  #handler: WebSocketLike['onmessage'] = null;

  constructor() {
    super();
    // The accessor, and no field of the class above.
    Reflect.deleteProperty(this, 'onmessage');
  }

  override comes(data: unknown): void {
    this.#handler?.({ data } as never);
  }

  static {
    Object.defineProperty(this.prototype, 'onmessage', {
      get(this: AccessorSocket) {
        return this.#handler;
      },
      set(this: AccessorSocket, handler: WebSocketLike['onmessage']) {
        this.#handler = handler;
      },
    });
  }
}

function listen() {
  const told: Peers[] = [];
  const socket = new HandlerSocket();
  const Given = function () {
    return socket;
  } as unknown as WebSocketConstructor;
  const Socket = tellPeers((peers) => told.push(peers), Given);
  expect(new Socket('ws://x', [])).toBe(socket);
  const got: unknown[] = [];
  socket.onmessage = ({ data }: { readonly data: unknown }) => {
    got.push(data);
  };
  return { told, socket, got };
}

describe('a WebSocket that tells peers', () => {
  it('tells each list, and leaves every message to the client', () => {
    const { told, socket, got } = listen();
    const messages = [LIST, '{"type":"token","data":{}}', new ArrayBuffer(3), LIST.replace('3', '4')];
    for (const message of messages) socket.comes(message);
    expect(told).toEqual([PEERS, { ...PEERS, count: 4 }]);
    expect(got).toEqual(messages);
  });

  it.each([
    '{"type":"bridge.peers"',
    '{"type":"bridge.peers"}',
    '{"type":"bridge.peers","data":null}',
    '{"type":"bridge.peers","data":{"users":"ana","count":1}}',
    '{"type":"bridge.peers","data":{"users":[1],"count":1}}',
    '{"type":"bridge.peers","data":{"users":[],"count":1.5}}',
    ' {"type":"bridge.peers","data":{"users":[],"count":1}}',
    '{"type":"bridge.peers","data":{"users":[],"count":1},"type":"x"}',
  ])('tells nothing of %s', (text) => {
    const { told, socket, got } = listen();
    socket.comes(text);
    expect([told, got]).toEqual([[], [text]]);
  });

  it('tells nothing once the client hears nothing any more', () => {
    const { told, socket } = listen();
    socket.onmessage = null;
    socket.comes(LIST);
    expect([told, socket.onmessage]).toEqual([[], null]);
  });

  it.each([HandlerSocket, AccessorSocket])('tells all who listen to one socket: %p', (Given) => {
    const told: string[] = [];
    const Inner = tellPeers(() => told.push('inner'), Given);
    const Outer = tellPeers(() => told.push('outer'), Inner);
    const socket = new Outer('ws://x', []) as unknown as HandlerSocket;
    socket.onmessage = ({ data }: { readonly data: unknown }) => {
      told.push(String(data));
    };
    socket.comes(LIST);
    expect(told).toEqual(['inner', 'outer', LIST]);
    socket.onmessage = null;
    socket.comes(LIST);
    expect(told).toHaveLength(3);
  });

  it('is a real one where it is given one', async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    server.on('connection', (peer) => {
      peer.send(LIST);
    });
    const told = new Promise<Peers>((resolve) => {
      const Socket = tellPeers(resolve, WebSocket);
      expect(new Socket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, [])).toBeInstanceOf(
        WebSocket,
      );
    });
    expect(await told).toEqual(PEERS);
    for (const client of server.clients) client.terminate();
    server.close();
    await once(server, 'close');
  });

  it('needs a WebSocket', () => {
    const own = globalThis.WebSocket;
    Reflect.deleteProperty(globalThis, 'WebSocket');
    try {
      expect(() => tellPeers(() => undefined)).toThrow(TypeError);
    } finally {
      globalThis.WebSocket = own;
    }
  });
});
