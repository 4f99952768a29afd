import type { ClientOptions } from '../../client/src/index.ts';
import { ConnectError } from '../../client/src/index.ts';
import { httpFallback, type HttpFallbackOptions } from '../../client/src/http.ts';
import type { StreamFetch } from '../../client/src/posted-messages.ts';
import type { WebSocketConstructor } from '../../client/src/web-socket.ts';
import { settled } from './fake-clock';
import { startRig, type Rig } from './fixture';

describe('the way over HTTP', () => {
  it.each([NaN, 0, -1, '1000', null])(
    'takes no %p for a time after which a WebSocket is tried again',
    (given) => {
      expect(() => httpFallback({ webSocketAgainMs: given as number })).toThrow(
        new TypeError(`webSocketAgainMs: expected a number above 0, got ${String(given)}`),
      );
    },
  );

  it('has its default where that is undefined, and takes Infinity for the longest', () => {
    for (const webSocketAgainMs of [undefined, Infinity, 0.5])
      expect(httpFallback({ webSocketAgainMs })).toBeInstanceOf(Function);
  });

  it('refuses an option that nobody knows', () => {
    expect(() => httpFallback({ storag: undefined, webSocketAgain: 1 } as HttpFallbackOptions)).toThrow(
      new TypeError('webSocketAgain: unknown option'),
    );
  });
});

const unanswered = (): Promise<never> => new Promise(() => undefined);

/** Tells the way of each next connection, after two WebSockets that were closed with this code. */
function waysAfter(code: number, fetch: StreamFetch = unanswered): () => string {
  const sockets: EventTarget[] = [];
  class Given extends EventTarget {
    constructor() {
      super();
      sockets.push(this);
    }
    close(): void {
      this.dispatchEvent(new Event('close'));
    }
  }
  const WebSocket = httpFallback({ WebSocket: Given as unknown as WebSocketConstructor, fetch });
  const connect = (): unknown => new WebSocket('wss://x/ws/notifications', ['bridge.v1']);
  for (let failed = 0; failed < 2; failed += 1) {
    connect();
    sockets.at(-1)?.dispatchEvent(Object.assign(new Event('close'), { code }));
  }
  return () => (connect() instanceof Given ? 'WebSocket' : 'stream');
}

describe('a WebSocket that ends before anything came', () => {
  it('came to nothing where nobody says why', () => {
    expect(waysAfter(1006)()).toBe('stream');
  });

  it.each([4401, 4403, 4429])('is no failure of its way where the bridge closed it with %d', (code) => {
    expect(waysAfter(code)()).toBe('WebSocket');
  });
});

describe('an event stream instead', () => {
  it.each([
    ['stays the way where the bridge forbids the first: that came through', { closeCode: 4403 }, 'stream'],
    ['is not the way where the gateway refuses the first', {}, 'WebSocket'],
  ])('%s', async (_, more, then) => {
    const next = waysAfter(1006, () =>
      Promise.resolve(Response.json({ message: 'm', ...more }, { status: 403 })),
    );
    expect(next()).toBe('stream');
    await settled();
    expect(next()).toBe(then);
  });
});

describe('an event stream that is refused', () => {
  const asked: string[] = [];
  const told: unknown[] = [];
  const closes: unknown[] = [];
  let urls: string[];
  let rig: Rig;

  /** Connects by streams, which are refused with these answers in turn. */
  async function connectOver(
    answers: readonly Response[],
    options: Partial<ClientOptions> = {},
  ): Promise<void> {
    [urls, asked.length, told.length, closes.length] = [[], 0, 0, 0];
    const rest = [...answers];
    const WebSocket = httpFallback({
      // For the next minute a stream is the way.
      storage: { getItem: () => String(Date.now() + 60_000), setItem: () => undefined },
      fetch: (url) => {
        urls.push(url);
        const answer = rest.shift();
        return answer ? Promise.resolve(answer) : new Promise(() => undefined);
      },
    });
    const fetch = (url: string): Promise<never> => {
      asked.push(url);
      return Promise.reject(new TypeError('Failed to fetch'));
    };
    rig = await startRig({ WebSocket, fetch, ...options }, undefined, undefined, (client) => {
      client.on('error', (error) => told.push(error));
      client.on('close', (info) => closes.push(info));
      client.on('state', (_, { delayMs }) => told.push(delayMs));
    });
  }
  afterEach(() => {
    rig.client.close();
  });

  it('tells its client why, and how long to wait: the bridge says that nowhere else', async () => {
    const headers = { 'Retry-After': '5' };
    await connectOver([Response.json({ message: 'too many open connections' }, { status: 429, headers })]);
    const message = 'refused: 429 too many open connections';
    expect(told).toEqual([expect.any(ConnectError), 5_000 + 500]);
    expect(told[0]).toMatchObject({ code: 'REFUSED', status: 429, retryAfterMs: 5_000, message });
    expect(asked).toEqual([]);
  });

  it('with 403 by the bridge closes its client, as a WebSocket would be closed', async () => {
    const body = { message: "the session is somebody else's", closeCode: 4403 };
    await connectOver([Response.json(body, { status: 403 })]);
    await rig.clock.advance(60_000);
    expect([rig.client.state, urls.length]).toEqual(['closed', 1]);
    expect(closes).toEqual([{ code: 4403, reason: body.message }]);
  });

  it('with 403 by the gateway is tried again: another token may be admitted', async () => {
    await connectOver([Response.json({ message: 'no role' }, { status: 403 })]);
    await rig.clock.advance(1_000);
    expect(told[0]).toMatchObject({ code: 'REFUSED', status: 403 });
    expect(urls).toHaveLength(2);
  });

  it('with a long body is told by its status, and read no further', async () => {
    let pulled = 0;
    const page = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        if (pulled === 100) controller.close();
        else controller.enqueue(new Uint8Array(1_024));
      },
    });
    await connectOver([new Response(page, { status: 503 })]);
    expect(told[0]).toMatchObject({ code: 'REFUSED', status: 503, message: 'refused: 503' });
    expect(pulled).toBeLessThan(10);
  });

  it('is not asked for from the oldest frame again at a bridge that does not know that', async () => {
    await connectOver([new Response('', { status: 400 })], { resume: 'oldest' });
    await rig.clock.advance(1_000);
    expect(urls.map((url) => new URL(url).search)).toEqual(['?resume=oldest', '']);
  });

  it('is told as one that failed where something else answers than a bridge', async () => {
    await connectOver([new Response('<html>', { headers: { 'Content-Type': 'text/html' } })]);
    expect(told[0]).toMatchObject({ code: 'HANDSHAKE_FAILED', closeCode: 1006 });
    expect(asked).toEqual([]);
  });
});
