import type { WebSocketConstructor, WebSocketLike } from '../../client/src/web-socket.ts';
import type { FakeBridge, Peer } from './fake-bridge';

type Arrival =
  | { readonly type: 'open' }
  | { readonly type: 'message'; readonly data: string | ArrayBuffer }
  | { readonly type: 'close'; readonly code: number; readonly reason: string };

type RefusalListener = (request: unknown, answer: unknown) => void;

/** Sockets to a bridge in the same process; what the bridge sent arrives when the test says so. */
export class FakeNetwork {
  /** Every socket that was made, gone ones too. */
  readonly sockets: FakeSocket[] = [];
  /** Delivers at once what is sent. */
  prompt = true;
  /** Refuses each new connection. */
  refusing = false;
  /** The headers of such a refusal, told as the WebSocket of ws tells them; undefined as in a browser. */
  refusal: Readonly<Record<string, string>> | undefined;
  /** Their status. */
  refusedWith = 503;
  readonly WebSocket: WebSocketConstructor;
  readonly bridge: FakeBridge;

  constructor(bridge: FakeBridge) {
    this.bridge = bridge;
    const sockets = this.sockets;
    const join = (socket: FakeSocket): void => {
      this.#join(socket);
    };
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
        join(this);
      }
    };
  }

  /** The socket that was made last. */
  get last(): FakeSocket {
    const last = this.sockets.at(-1);
    if (!last) throw new Error('no socket was made');
    return last;
  }

  #join(socket: FakeSocket): void {
    queueMicrotask(() => {
      if (this.refusing) socket.refuse(this.refusal, this.refusedWith);
      else socket.accept(this.bridge, () => this.prompt);
    });
  }
}

/** One socket. */
export class FakeSocket implements WebSocketLike, Peer {
  binaryType = 'blob';
  readyState = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  /** The bridge's frames do not arrive, nor the client's; nobody is told. */
  dead = false;
  /** The code that the client closed it with. */
  closedWith: number | undefined;
  readonly url: URL;
  readonly protocols: string[];
  readonly peer: Peer;
  readonly #arriving: Arrival[] = [];
  #bridge: FakeBridge | undefined;
  #prompt = (): boolean => true;
  #onRefusal: RefusalListener | undefined;

  constructor(url: string, protocols: string[]) {
    this.url = new URL(url);
    this.protocols = protocols;
    this.peer = {
      url: this.url,
      protocols,
      send: (message) => {
        const data = typeof message === 'string' ? message : Uint8Array.from(message).buffer;
        this.#arrive({ type: 'message', data });
      },
      close: (code, reason) => {
        this.#bridge?.leave(this.peer);
        this.#arrive({ type: 'close', code, reason });
      },
    };
  }

  /** Frames on their way to the client. */
  get arriving(): number {
    return this.#arriving.length;
  }

  accept(bridge: FakeBridge, prompt: () => boolean): void {
    if (this.readyState !== 0) return;
    this.#bridge = bridge;
    this.#prompt = prompt;
    this.#arrive({ type: 'open' });
    bridge.accept(this.peer);
  }

  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.dead) return;
    this.#bridge?.receive(this.peer, typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer));
  }

  close(code?: number): void {
    this.closedWith = code;
    this.readyState = 3;
    this.#arriving.length = 0;
    this.#bridge?.leave(this.peer);
  }

  on(_event: 'unexpected-response', listener: RefusalListener): void {
    this.#onRefusal = listener;
  }

  /** The handshake is answered with this status and these headers, which are told; without them only that it failed. */
  refuse(headers: Readonly<Record<string, string>> | undefined, statusCode: number): void {
    if (headers === undefined) {
      this.lose(1006);
      return;
    }
    const answer = {
      statusCode,
      headers,
      setEncoding: () => undefined,
      on: (event: string, ended: () => void) => {
        if (event === 'close') queueMicrotask(ended);
      },
    };
    this.#onRefusal?.(undefined, answer);
  }

  /** The connection breaks after some of what is on its way has arrived. */
  lose(code: number, arriving = Infinity): void {
    this.#bridge?.leave(this.peer);
    if (this.#arriving.length > arriving) this.#arriving.length = arriving;
    this.#arrive({ type: 'close', code, reason: '' });
  }

  /** Delivers some of what is on its way. */
  deliver(count = Infinity): void {
    if (this.dead) return;
    for (let left = count; left > 0; left -= 1) {
      const arrival = this.#arriving.shift();
      if (!arrival || this.readyState === 3) return;
      this.#handle(arrival);
    }
  }

  #arrive(arrival: Arrival): void {
    this.#arriving.push(arrival);
    if (this.#prompt()) this.deliver();
  }

  #handle(arrival: Arrival): void {
    if (arrival.type === 'open') {
      this.readyState = 1;
      this.onopen?.(arrival as never);
    }
    if (arrival.type === 'message') this.onmessage?.(arrival as never);
    if (arrival.type !== 'close') return;
    this.readyState = 3;
    this.onclose?.(arrival as never);
  }
}
