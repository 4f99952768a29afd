import type { Fetch } from '../../client/src/asked-refusal.ts';
import type { ConnectError } from '../../client/src/errors.ts';
import type { StateInfo } from '../../client/src/index.ts';
import { settled } from './fake-clock';
import { startRig, type Rig } from './fixture';

type Call = Parameters<Fetch>;

/** A rig that is open, whose next handshakes fail as in a browser, and the questions why. */
async function refusedRig(answer: (...call: Call) => ReturnType<Fetch>) {
  const calls: Call[] = [];
  const rig = await startRig({
    url: 'wss://gateway.test/ws/ai/chat?x=1',
    fetch: (...call) => {
      calls.push(call);
      return answer(...call);
    },
  });
  const errors: ConnectError[] = [];
  const states: StateInfo[] = [];
  rig.client.on('error', (error) => errors.push(error as ConnectError));
  rig.client.on('state', (_, info) => states.push(info));
  return { ...rig, calls, errors, states };
}

function answerOf(status: number, headers: Readonly<Record<string, string>> = {}, body = '') {
  const all = { 'content-length': String(body.length), ...headers };
  return (): ReturnType<Fetch> => Promise.resolve(new Response(body, { status, headers: all }));
}

/** Loses the open connection, and has the next handshake fail. */
async function refuseNext({ network, clock }: Pick<Rig, 'network' | 'clock'>): Promise<void> {
  network.refusing = true;
  network.last.lose(1006);
  await clock.advance(500);
}

const UNTOLD = { code: 'HANDSHAKE_FAILED', closeCode: 1006, message: 'cannot connect: closed with 1006' };

describe('a refused handshake of which the WebSocket tells nothing', () => {
  it('is asked about by the same URL with the token, and told with its status, message and Retry-After', async () => {
    const body = JSON.stringify({ message: 'Too many connections, try again later' });
    const rig = await refusedRig(answerOf(429, { 'Retry-After': '7' }, body));
    await refuseNext(rig);
    const [[url, init] = []] = rig.calls;
    expect(url).toBe(rig.network.last.url.href.replace('wss:', 'https:'));
    expect(url).toContain('/ws/ai/chat?x=1&session=s1&resume=');
    expect(init).toMatchObject({
      headers: { Authorization: 'Bearer token' },
      cache: 'no-store',
      redirect: 'error',
    });
    const message = 'refused: 429 Too many connections, try again later';
    expect(rig.errors).toMatchObject([
      { code: 'REFUSED', status: 429, retryAfterMs: 7_000, closeCode: 1006, message },
    ]);
    expect(rig.states.at(-1)).toEqual({ attempt: 2, delayMs: 7_000 + 1_000, reason: message });
    await rig.clock.advance(7_999);
    expect(rig.network.sockets).toHaveLength(2);
    await rig.clock.advance(1);
    expect(rig.network.sockets).toHaveLength(3);
  });

  it('is asked about once, however long the next attempts go on to fail: as often as there were handshakes', async () => {
    const rig = await refusedRig(answerOf(503));
    await refuseNext(rig);
    await rig.clock.advance(600_000);
    const handshakes = rig.network.sockets.length - 1;
    expect(handshakes).toBeGreaterThan(20);
    expect(rig.calls).toHaveLength(handshakes);
  });

  it.each([
    ['the request fails, as without CORS', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['it would be admitted now', answerOf(426)],
    ['something else answers', answerOf(200)],
  ])('is told as before when %s', async (_, answer) => {
    const rig = await refusedRig(answer);
    await refuseNext(rig);
    expect(rig.errors).toMatchObject([UNTOLD]);
    expect(rig.states.at(-1)).toMatchObject({ delayMs: 1_000 });
  });

  it('is told without a message when the body is long, or none that Kong sends', async () => {
    const rig = await refusedRig(answerOf(401, {}, JSON.stringify({ message: 'x'.repeat(5_000) })));
    await refuseNext(rig);
    expect(rig.errors).toMatchObject([{ status: 401, message: 'refused: 401' }]);
  });

  it('is told once connectTimeoutMs is over when no answer comes, and the request is aborted', async () => {
    const rig = await refusedRig(() => new Promise(() => undefined));
    await refuseNext(rig);
    expect(rig.errors).toEqual([]);
    await rig.clock.advance(9_999);
    expect(rig.calls[0]?.[1].signal.aborted).toBe(false);
    await rig.clock.advance(1);
    expect(rig.errors).toMatchObject([UNTOLD]);
    expect(rig.calls[0]?.[1].signal.aborted).toBe(true);
  });

  it('is not told of when the client is closed meanwhile, and the request is aborted', async () => {
    const rig = await refusedRig(() => new Promise(() => undefined));
    await refuseNext(rig);
    rig.client.close();
    await settled();
    expect(rig.calls[0]?.[1].signal.aborted).toBe(true);
    expect(rig.errors).toEqual([]);
    expect(rig.clock.pending).toBe(0);
  });
});

describe('the gateway is not asked why', () => {
  it('a connection was lost that had been open', async () => {
    const rig = await refusedRig(answerOf(503));
    rig.network.last.lose(1006);
    await rig.clock.advance(500);
    expect(rig.client.state).toBe('open');
    expect(rig.calls).toEqual([]);
  });

  it('a handshake that succeeded never became ready', async () => {
    const rig = await refusedRig(answerOf(503));
    rig.bridge.greets = false;
    rig.network.last.lose(1006);
    await rig.clock.advance(500);
    rig.network.last.lose(1006);
    expect(rig.errors).toMatchObject([UNTOLD]);
    expect(rig.calls).toEqual([]);
  });

  it('a handshake was refused that the WebSocket tells of', async () => {
    const rig = await refusedRig(answerOf(401));
    rig.network.refusal = { 'retry-after': '7' };
    await refuseNext(rig);
    expect(rig.errors).toMatchObject([{ status: 503 }]);
    expect(rig.calls).toEqual([]);
  });

  it('no socket was opened, as without a token', async () => {
    let calls = 0;
    const rig = await startRig({
      token: () => '',
      fetch: () => {
        calls += 1;
        return answerOf(401)();
      },
    });
    await rig.clock.advance(10_000);
    expect(calls).toBe(0);
  });
});
