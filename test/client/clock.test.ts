import type { ChatClient } from '../../client/src/chat.ts';
import { monotonicNow, SYSTEM_CLOCK } from '../../client/src/clock.ts';
import { FakeBridge } from './fake-bridge';
import { FakeClock, settled } from './fake-clock';
import { numbered, startChat, tokenOf, type Rig } from './fixture';

const HOUR_MS = 3_600_000;

describe('monotonic time', () => {
  it('is that of the page or process, also beside a clock that has none', () => {
    const before = performance.now();
    const time = monotonicNow(SYSTEM_CLOCK);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(performance.now());
  });

  it('is the time of day where there is nothing better', () => {
    const { performance } = globalThis;
    Reflect.deleteProperty(globalThis, 'performance');
    try {
      expect(monotonicNow(SYSTEM_CLOCK)).toBeGreaterThan(1.7e12);
    } finally {
      Object.defineProperty(globalThis, 'performance', { value: performance, configurable: true });
    }
  });
});

/** A rig whose timers ring too early, and whose time of day can be set. */
async function shakyRig(options: Parameters<typeof startChat>[0] = {}): Promise<Rig<ChatClient>> {
  const clock = new FakeClock();
  clock.earlyMs = 0.5;
  return startChat(options, new FakeBridge(), clock);
}

describe.each<[string, (clock: FakeClock) => void]>([
  ['timers that ring half a millisecond early', () => undefined],
  [
    'a clock set back an hour meanwhile',
    (clock) => {
      clock.setBack(HOUR_MS);
    },
  ],
  [
    'a clock set on an hour meanwhile',
    (clock) => {
      clock.setBack(-HOUR_MS);
    },
  ],
])('with %s', (_, meanwhile) => {
  it('a command that was refused once with UNAVAILABLE is sent again after its delay', async () => {
    const { client, bridge, clock } = await shakyRig({ commandTtlMs: 2 * HOUR_MS });
    bridge.refuses = 'UNAVAILABLE';
    const sent = client.send('message');
    bridge.refuses = undefined;
    await clock.advance(100);
    meanwhile(clock);
    await clock.advance(400);
    await sent;
    expect(bridge.taken).toHaveLength(1);
  });

  it('a lost connection is opened again after its delay', async () => {
    const { client, network, clock } = await shakyRig();
    network.last.lose(1006);
    meanwhile(clock);
    await clock.advance(500);
    expect(client.state).toBe('open');
  });

  it('a silent peer is asked after idleTimeoutMs, and another connection opened after ackTimeoutMs', async () => {
    const { bridge, network, clock } = await shakyRig();
    await clock.advance(20_000);
    meanwhile(clock);
    await clock.advance(24_999);
    expect(bridge.probes).toBe(0);
    await clock.advance(1);
    expect(bridge.probes).toBe(1);
    network.last.dead = true;
    await clock.advance(45_000);
    expect(bridge.probes).toBe(1);
    meanwhile(clock);
    await clock.advance(10_000);
    expect(network.sockets).toHaveLength(2);
  });

  it('a peer that answers is not asked before its time', async () => {
    const { bridge, clock } = await shakyRig();
    await clock.advance(40_000);
    bridge.publish(numbered(0));
    meanwhile(clock);
    await clock.advance(44_999);
    expect(bridge.probes).toBe(0);
    await clock.advance(1);
    expect(bridge.probes).toBe(1);
  });

  it('a connection is replaced before its token expires', async () => {
    const expMs = new FakeClock().now() + 900_000;
    const { network, clock } = await shakyRig({ token: () => tokenOf(expMs), idleTimeoutMs: Infinity });
    meanwhile(clock);
    await clock.advance(900_000 - 37_502);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(2);
    expect(network.sockets).toHaveLength(2);
  });

  it('an answer that never ends is given up after answerTimeoutMs', async () => {
    const { client, clock } = await shakyRig({ answerTimeoutMs: 60_000 });
    const failure = client
      .ask('message')
      .next()
      .catch((cause: unknown) => cause);
    await settled();
    meanwhile(clock);
    await clock.advance(60_000);
    expect(await failure).toMatchObject({ code: 'TIMEOUT' });
  });

  it('a connection that is not ready is given up after connectTimeoutMs', async () => {
    const { client, network, clock } = await shakyRig({ token: () => new Promise(() => undefined) });
    const told: unknown[] = [];
    client.on('error', (error) => told.push(error));
    meanwhile(clock);
    await clock.advance(10_000);
    expect(network.sockets).toHaveLength(0);
    expect(told).toMatchObject([{ code: 'CONNECT_TIMEOUT' }]);
  });

  it('a connection is tried again after offlineRetryMs while the browser says that it is offline', async () => {
    const { client, network, clock, surroundings } = await shakyRig();
    await surroundings.tell('offline');
    network.last.lose(1006);
    meanwhile(clock);
    await clock.advance(5_499);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    expect(network.sockets).toHaveLength(2);
    expect(client.state).toBe('open');
  });

  it.each([
    ['in seconds', { 'retry-after': '60' }],
    [
      'as a date, by the clock of who wrote it',
      { date: 'Thu, 26 Nov 2026 12:00:00 GMT', 'retry-after': 'Thu, 26 Nov 2026 12:01:00 GMT' },
    ],
  ])('a refused connection is tried again after its Retry-After, %s', async (_form, refusal) => {
    const { client, network, clock } = await shakyRig();
    network.refusing = true;
    network.refusal = refusal;
    network.last.lose(1006);
    await clock.advance(500);
    network.refusing = false;
    meanwhile(clock);
    await clock.advance(60_000);
    expect(network.sockets).toHaveLength(2);
    await clock.advance(1_000);
    expect(network.sockets).toHaveLength(3);
    expect(client.state).toBe('open');
  });

  it('a command that nobody acknowledges is sent again on another connection after ackTimeoutMs', async () => {
    const { client, bridge, network, clock } = await shakyRig({ commandTtlMs: 2 * HOUR_MS });
    network.last.dead = true;
    const sent = client.send('message');
    await clock.advance(5_000);
    meanwhile(clock);
    await clock.advance(4_999);
    expect(network.sockets).toHaveLength(1);
    await clock.advance(1);
    await sent;
    expect(network.sockets).toHaveLength(2);
    expect(bridge.taken).toHaveLength(1);
  });

  it('delays begin anew after a stable minute and not before', async () => {
    const { client, network, clock } = await shakyRig({ idleTimeoutMs: Infinity });
    const delays: (number | undefined)[] = [];
    client.on('state', (state, { delayMs }) => {
      if (state === 'reconnecting') delays.push(delayMs);
    });
    network.last.lose(1006);
    await clock.advance(500);
    meanwhile(clock);
    await clock.advance(59_000);
    network.last.lose(1006);
    await clock.advance(1_000);
    meanwhile(clock);
    await clock.advance(60_001);
    network.last.lose(1006);
    expect(delays).toEqual([500, 1_000, 500]);
  });
});

describe('how old a command is that the bridge may have', () => {
  async function unconfirmed(between: (clock: FakeClock) => Promise<void> | void): Promise<unknown> {
    const { client, bridge, network, clock } = await startChat({ commandTtlMs: 60_000 });
    bridge.losesAcks = true;
    const sent = client.send('message').catch((cause: unknown) => cause);
    network.refusing = true;
    network.last.lose(1006);
    await between(clock);
    network.refusing = false;
    bridge.losesAcks = false;
    client.reconnect();
    return sent;
  }

  it('is what passed by the monotonic clock, though the time of day was set back', async () => {
    const outcome = await unconfirmed(async (clock) => {
      clock.setBack(HOUR_MS);
      await clock.advance(60_001);
    });
    expect(outcome).toMatchObject({ code: 'UNCONFIRMED' });
  });

  it('is what passed by the time of day, when the monotonic clock stood still while the machine slept', async () => {
    const outcome = await unconfirmed((clock) => {
      clock.setBack(-60_001);
    });
    expect(outcome).toMatchObject({ code: 'UNCONFIRMED' });
  });
});
