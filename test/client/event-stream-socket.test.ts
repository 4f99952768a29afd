import { EventStreamSocket, type StreamSettings } from '../../client/src/event-stream-socket.ts';
import type { StreamFetch } from '../../client/src/posted-messages.ts';
import { TransportTrial } from '../../client/src/transport-trial.ts';
import { MAX_WAIT_MS, Unposted } from '../../client/src/unposted.ts';
import { PING_MESSAGE, PONG_FRAME } from '../../protocol/frames';
import { settled } from './fake-clock';

type Init = Parameters<StreamFetch>[1];
type Answer = Awaited<ReturnType<StreamFetch>>;

let nowMs: number;
let told: unknown[];
let requests: {
  readonly url: string;
  readonly init: Init;
  readonly answer: (answer: Partial<Answer>) => void;
}[];
let stream: ReadableStreamDefaultController<Uint8Array>;
let socket: EventStreamSocket;
let settings: StreamSettings;
let trials: boolean[];

const PROTOCOLS = ['bridge.v1', 'bearer.t'];

beforeEach(() => {
  [nowMs, told, requests, trials] = [0, [], [], []];
  const fetch: StreamFetch = (url, init) =>
    new Promise((resolve, reject) => {
      init.signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
      requests.push({
        ...{ url, init },
        answer: (answer) => {
          const whole = {
            status: 200,
            ok: true,
            headers: new Headers(),
            body: null,
            text: () => Promise.resolve(''),
          };
          resolve({ ...whole, ...answer });
        },
      });
    });
  const monotonicNow = (): number => nowMs;
  const trial = new TransportTrial(monotonicNow, (works) => trials.push(works));
  const around = { fetch, monotonicNow, bearerPrefix: 'bearer.', trial };
  settings = { ...around, unposted: new Unposted(), over: () => told.push('over') };
  socket = new EventStreamSocket('wss://x/ws/ai/chat?resume=e.1&state=missing', PROTOCOLS, settings);
  socket.onmessage = ({ data }: { readonly data: unknown }) => told.push(data);
  socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) =>
    told.push([code, reason]);
});

// A message that waits for its answer has a timer.
afterEach(async () => {
  socket.end(1006, 'the test is over');
  // One that is refused lets the one behind it go.
  for (let round = 0; round < 3; round += 1) {
    for (const { answer } of requests) answer({ status: 401 });
    await settled();
  }
});

/** Answers the request that was made last with a stream. */
async function open(): Promise<void> {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (stream = controller) });
  requests
    .at(-1)
    ?.answer({ headers: new Headers({ 'Content-Type': 'text/event-stream; charset=utf-8' }), body });
  await settled();
}

async function comes(text: string): Promise<void> {
  stream.enqueue(new TextEncoder().encode(text));
  await settled();
}

const ACK = '{"type":"bridge.ack","data":{"id":"c1"}}';
const COMMAND = '{"type":"ask","id":"c1","data":null}';

/** Answers a message that was posted. */
async function posted(answer: Partial<Answer>): Promise<void> {
  await settled();
  requests.at(-1)?.answer(answer);
  await settled();
}

const body = (text: string) => ({ text: () => Promise.resolve(text) });

describe('a stream in the shape of a WebSocket', () => {
  it('asks with the token and the point, and gives what a WebSocket would', async () => {
    expect(requests[0]?.url).toBe('https://x/ws/ai/chat?resume=e.1&state=missing');
    expect(requests[0]?.init.headers).toEqual({ Accept: 'text/event-stream', Authorization: 'Bearer t' });
    await open();
    await comes(
      'event: ready\ndata: {"session":"s"}\n\ndata: {"type":"token"}\n\nevent: binary\ndata: AAE=\n\n',
    );
    await comes('event: close\ndata: {"code":1012,"reason":"Service Restart"}\n\ndata: late\n\n');
    expect(told).toEqual([
      ...['{"type":"bridge.ready","data":{"session":"s"}}', '{"type":"token"}', Uint8Array.of(0, 1).buffer],
      ...['over', [1012, 'Service Restart']],
    ]);
    expect(trials).toEqual([true]);
  });

  it.each([
    ['another status', { status: 401 }],
    ['another type', { headers: new Headers({ 'Content-Type': 'text/html' }), body: new ReadableStream() }],
  ])('comes to nothing at %s', async (_, answer) => {
    requests[0]?.answer(answer);
    await settled();
    expect([told, trials]).toEqual([['over', [1006, '']], [false]]);
  });

  it('ends with 1006 when it breaks off', async () => {
    await open();
    await comes('data: a\n\n');
    stream.error(new Error('reset'));
    await settled();
    expect(told).toEqual(['a', 'over', [1006, '']]);
  });

  it('answers a ping at once when it was heard of lately, and otherwise with the next that comes', async () => {
    await open();
    await comes(':\n\n');
    socket.send(PING_MESSAGE);
    await settled();
    expect(told).toEqual([PONG_FRAME]);
    nowMs = 20_000;
    socket.send(PING_MESSAGE);
    await settled();
    expect(told).toEqual([PONG_FRAME]);
    await comes(':\n\n');
    expect(told).toEqual([PONG_FRAME, PONG_FRAME]);
    expect(requests).toHaveLength(1);
  });
});

describe('a message on a stream', () => {
  beforeEach(async () => {
    await open();
    await comes('event: ready\ndata: {"session":"s1"}\n\n');
    told.length = 0;
  });

  it('is posted as it was when it was sent, whatever becomes of its bytes while it waits', async () => {
    const whole = Uint8Array.of(1, 2, 3, 4);
    socket.send(COMMAND);
    socket.send(whole.subarray(1, 3));
    socket.send(whole.buffer);
    whole.fill(9);
    await posted(body(ACK));
    expect(requests.at(-1)?.init.body).toEqual(Uint8Array.of(2, 3));
    await posted(body(''));
    expect(requests.at(-1)?.init.body).toEqual(Uint8Array.of(1, 2, 3, 4).buffer);
  });

  it('is posted to the session that the bridge made, after those before it, and answered as on a socket', async () => {
    socket.send(COMMAND);
    socket.send(Uint8Array.of(1));
    await settled();
    expect(requests).toHaveLength(2);
    const [, command] = requests;
    expect([command?.url, command?.init.body]).toEqual(['https://x/ws/ai/chat?session=s1', COMMAND]);
    expect(command?.init.headers).toMatchObject({
      Authorization: 'Bearer t',
      'Content-Type': 'application/json',
    });
    await posted({ status: 202, ...body(ACK) });
    expect(requests[2]?.init.headers).toMatchObject({ 'Content-Type': 'application/octet-stream' });
    await posted({ status: 202, ...body('{}') });
    expect(told).toEqual([ACK]);
  });

  it('is posted under the name that its stream has among its peers, so that it does not come back', async () => {
    await comes('event: ready\ndata: {"peer":"AAAAAAAAAAAAAAAAAAAAAA"}\n\n');
    socket.send('edit');
    await settled();
    expect(new URL(requests[1]?.url ?? '').searchParams.get('peer')).toBe('AAAAAAAAAAAAAAAAAAAAAA');
  });

  it.each([
    [403, '{"message":"m","code":"READ_ONLY","id":"c1"}', { code: 'READ_ONLY', message: 'm', id: 'c1' }],
    [429, '{"message":"m"}', { code: 'TOO_MANY_MESSAGES', message: 'm', id: 'c1' }],
    [409, '{"message":"expected a session that is open"}', { code: 'UNAVAILABLE', id: 'c1' }],
    [500, '{"message":"An unexpected error occurred"}', { code: 'UNAVAILABLE', id: 'c1' }],
    [502, '{"message":"An invalid response was received"}', { code: 'UNAVAILABLE', id: 'c1' }],
    [504, '{"message":"The upstream server is timing out"}', { code: 'UNAVAILABLE', id: 'c1' }],
    [503, 'no JSON', { code: 'UNAVAILABLE', message: 'answered with 503', id: 'c1' }],
    [413, '', { code: 'HTTP_413', message: 'answered with 413', id: 'c1' }],
  ])('that is refused with %d is so as on a socket', async (status, text, data) => {
    socket.send(COMMAND);
    await posted({ status, ok: false, ...body(text) });
    expect(told.map((frame) => JSON.parse(String(frame)) as unknown)).toMatchObject([
      { type: 'bridge.error', data },
    ]);
  });

  it('about a lock is refused by its name, so that who asked for it learns that', async () => {
    socket.send('{"type":"bridge.lock","data":{"name":"B7","holder":"h1"}}');
    await posted({ status: 429, ok: false, ...body('{"message":"m"}') });
    expect(JSON.parse(String(told[0]))).toMatchObject({ data: { code: 'TOO_MANY_MESSAGES', name: 'B7' } });
  });

  it('says how long to wait where its answer does', async () => {
    socket.send(COMMAND);
    const headers = new Headers({ 'Retry-After': '7' });
    await posted({ status: 503, ok: false, headers, ...body('{"message":"m"}') });
    expect(JSON.parse(String(told[0]))).toMatchObject({ data: { code: 'UNAVAILABLE', retryAfterMs: 7_000 } });
  });

  it('that the bridge forbids for good ends the stream as it would a WebSocket', async () => {
    socket.send(COMMAND);
    socket.send('behind it');
    await posted({ status: 403, ok: false, ...body('{"message":"not yours","closeCode":4403}') });
    expect([told, requests.length]).toEqual([['over', [4403, 'not yours']], 2]);
  });

  it.each(['{"message":"m"}', '{"message":"m","closeCode":4401}', '{"message":"m","closeCode":"4403"}'])(
    'that is refused with 403 and %s leaves the stream as it is',
    async (text) => {
      socket.send(COMMAND);
      await posted({ status: 403, ok: false, ...body(text) });
      expect(told).toMatchObject([expect.stringContaining('"HTTP_403"')]);
    },
  );

  it('ends the stream with 4401 when the token is not accepted any more', async () => {
    socket.send(COMMAND);
    await posted({ status: 401, ok: false });
    expect(told).toEqual(['over', [4401, 'the token is not accepted any more']]);
  });

  it('that may be lost ends the stream, so that the client sends it again', async () => {
    socket.send(COMMAND);
    await posted({ status: 202, text: () => Promise.reject(new Error('reset')) });
    expect(told).toEqual(['over', [1006, 'a message may be lost: Error: reset']]);
  });

  it('that is not answered ends the stream, since others wait for it', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask'] });
    try {
      socket.send(COMMAND);
      socket.send(COMMAND);
      await settled();
      jest.advanceTimersByTime(39_999);
      expect([told, requests.length]).toEqual([[], 2]);
      jest.advanceTimersByTime(1);
      await settled();
      expect([told, requests.length]).toEqual([['over', [1006, 'a message may be lost: no answer came']], 2]);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  it('that is answered is no sign of life of a stream that is silent', async () => {
    nowMs = 40_000;
    socket.send(COMMAND);
    await posted({ status: 202, ...body(ACK) });
    expect(told).toEqual(['over', [1006, 'the stream is silent']]);
  });

  it('goes out although its client has done with the stream, as on a socket that is closed', async () => {
    socket.send('edit 1');
    socket.send('edit 2');
    await settled();
    socket.close();
    await posted({ status: 202, ...body('{}') });
    expect(requests.slice(1).map(({ init }) => init.body)).toEqual(['edit 1', 'edit 2']);
    await posted({ status: 202, ...body('{}') });
    expect(told).toEqual(['over', [1006, '']]);
  });

  it.each([
    ['the bridge closes', () => comes('event: close\ndata: {"code":1012,"reason":"r"}\n\n')],
    [
      'breaks off',
      async () => {
        stream.error(new Error('reset'));
        await settled();
      },
    ],
  ])('goes out although its stream %s meanwhile', async (_, end) => {
    socket.send('edit 1');
    socket.send('edit 2');
    await settled();
    await end();
    expect(requests[1]?.init.signal.aborted).toBe(false);
    await posted({ status: 202, ...body('{}') });
    expect(requests.slice(1).map(({ init }) => init.body)).toEqual(['edit 1', 'edit 2']);
  });

  it('goes out before its stream gives way to a WebSocket, which would be faster', async () => {
    socket.send('edit 1');
    await settled();
    void socket.giveWay(1012, 'a WebSocket is tried again');
    socket.send('edit 2');
    await settled();
    expect(told).toEqual([]);
    await posted({ status: 202, ...body('{}') });
    expect(told).toEqual(['over', [1012, 'a WebSocket is tried again']]);
    await posted({ status: 202, ...body('{}') });
    expect(requests.slice(1).map(({ init }) => init.body)).toEqual(['edit 1', 'edit 2']);
  });

  it('that hangs keeps its stream from giving way for a while', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask'] });
    try {
      socket.send('edit 1');
      await settled();
      void socket.giveWay(1012, 'a WebSocket is tried again');
      jest.advanceTimersByTime(MAX_WAIT_MS);
      await settled();
      expect([told, requests[1]?.init.signal.aborted]).toEqual([
        ['over', [1012, 'a WebSocket is tried again']],
        false,
      ]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('that fails behind a closed stream is the last that is tried', async () => {
    for (const edit of ['edit 1', 'edit 2', 'edit 3']) socket.send(edit);
    await settled();
    socket.close();
    await posted({ status: 202, ...body('{}') });
    await posted({ status: 202, text: () => Promise.reject(new Error('reset')) });
    expect(requests.slice(1).map(({ init }) => init.body)).toEqual(['edit 1', 'edit 2']);
  });

  describe('of a stream that took over', () => {
    let next: EventStreamSocket;
    beforeEach(async () => {
      socket.send('edit 1');
      socket.send('edit 2');
      await settled();
      next = new EventStreamSocket('wss://x/ws/ai/chat?session=s1&resume=e.2', PROTOCOLS, settings);
      await open();
      socket.close();
      next.send('edit 3');
      await settled();
    });
    afterEach(() => {
      next.end(1006, 'the test is over');
    });

    const bodies = (): unknown[] => requests.flatMap(({ init }) => init.body ?? []);

    it('comes behind those that the stream before it still posts', async () => {
      expect(bodies()).toEqual(['edit 1']);
      requests[1]?.answer({ status: 202, ...body('{}') });
      await settled();
      expect(bodies()).toEqual(['edit 1', 'edit 2']);
      await posted({ status: 202, ...body('{}') });
      expect(bodies()).toEqual(['edit 1', 'edit 2', 'edit 3']);
    });

    it.each([
      ['is told that what the stream before it still posts was taken, for which its client waits', 202, ACK],
      ['is told of no refusal of that: it is posted again', 429, undefined],
    ])('%s', async (_, status, told) => {
      const heard: unknown[] = [];
      next.onmessage = ({ data }: { readonly data: unknown }) => heard.push(data);
      await comes('event: ready\ndata: {"session":"s1"}\n\n');
      heard.length = 0;
      requests[1]?.answer({ status, ok: status === 202, ...body(told ?? '{"message":"m"}') });
      await settled();
      expect(heard).toEqual(told === undefined ? [] : [told]);
    });

    it('comes behind those of all streams before it', async () => {
      const last = new EventStreamSocket('wss://x/ws/ai/chat?session=s1&resume=e.3', PROTOCOLS, settings);
      await open();
      next.close();
      last.send('edit 4');
      await settled();
      for (const { init, answer } of requests)
        if (init.body === 'edit 1') answer({ status: 202, ...body('{}') });
      await settled();
      for (let i = 0; i < 3; i += 1) await posted({ status: 202, ...body('{}') });
      expect(bodies()).toEqual(['edit 1', 'edit 2', 'edit 3', 'edit 4']);
      last.end(1006, 'the test is over');
    });
  });

  it('waits for no request of the stream before it that hangs', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask'] });
    try {
      socket.send('edit 1');
      await settled();
      const next = new EventStreamSocket('wss://x/ws/ai/chat?session=s1', PROTOCOLS, settings);
      await open();
      socket.close();
      next.send('edit 2');
      jest.advanceTimersByTime(MAX_WAIT_MS);
      await settled();
      expect(requests.at(-1)?.init.body).toBe('edit 2');
      next.end(1006, 'the test is over');
    } finally {
      jest.useRealTimers();
    }
  });

  it('ends the stream when 1,000 wait', async () => {
    for (let i = 0; i < 1_000; i += 1) socket.send(COMMAND);
    expect(told).toEqual([]);
    socket.send(COMMAND);
    expect(told).toEqual(['over', [1006, 'too many messages wait']]);
    await settled();
  });
});
