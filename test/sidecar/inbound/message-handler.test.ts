import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { CLOSE_CODES, type CloseCode } from '../../../protocol/close-codes';
import type { Frame } from '../../../sidecar/fanout/frame';
import type { AddOutcome } from '../../../sidecar/inbound/command-stream';
import { MessageHandler, type MessageClient } from '../../../sidecar/inbound/message-handler';
import type { Sender } from '../../../sidecar/inbound/receive';
import { deferred, type Deferred } from '../../../sidecar/lib/promises';
import { ByteOwners } from '../../../sidecar/quotas/byte-owners';
import { compileRoutes } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES, type MessagePolicy } from '../../../sidecar/routes/route';

const BURST = 3;
const MAX_PENDING = 2;
const ECHO_AFTER_MS = 10_000;
const COMMAND = Buffer.from('{"type":"ask","id":"c1"}');
const ROUTES = compileRoutes(DEFAULT_ROUTES);

class FakeClient implements MessageClient {
  isOpen = true;
  isPaused = false;
  isReadable = true;
  heardAtMs: number | undefined;
  unreadFromMs: number | undefined;
  readonly sent: unknown[] = [];
  readonly echoed: string[] = [];
  readonly codes: number[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  echo(frame: Frame): void {
    this.echoed.push(frame.payload.toString());
  }

  close({ code }: CloseCode): void {
    this.isOpen = false;
    this.codes.push(code);
  }

  takeLock(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

/** The messages of one client of a route that does this with them, and what becomes of them. */
function handling(
  messages: MessagePolicy,
  { perSecond = 1000, senderId = Buffer.alloc(16, 1), isReader = false, bridgeV1 = true } = {},
) {
  const client = new FakeClient();
  const route = ROUTES.find((other) => other.messages === messages);
  if (route === undefined) throw new Error(`expected a default route with ${messages}`);
  const sender: Sender = {
    messages,
    isReader,
    bridgeV1,
    origin: { tenantId: 'acme', userId: 'alice', roles: [], session: 's', requestId: 'r1', trace: undefined },
    channel: 'acme:collaboration:d1',
    senderId,
    maxCommandValues: 10,
  };
  const rate = { perSecond: 0, burst: 10_000 };
  const ofAll = (): ByteOwners => new ByteOwners({ socket: rate, user: rate, tenant: rate });
  const byteOwners = { commands: ofAll(), relay: ofAll() };
  const lines: Record<string, unknown>[] = [];
  const onWay: Deferred<AddOutcome>[] = [];
  const state = {
    isHeld: false,
    release: undefined as Deferred<undefined> | undefined,
    restarts: 0,
    nowMs: 0,
    refusedBytes: [] as [string, number][],
  };
  const arrival = (): Promise<AddOutcome> => {
    const made = deferred<AddOutcome>();
    onWay.push(made);
    return made.promise;
  };
  const context = {
    sink: {
      addCommand: arrival,
      publish: arrival,
      holds: () => state.isHeld,
      released: () => state.release?.promise ?? Promise.resolve(),
    },
    messageRate: { perSecond, burst: BURST },
    byteOwners,
    maxPendingMessages: MAX_PENDING,
    maxLockNameBytes: 128,
    wheel: { nowMs: ECHO_AFTER_MS },
    now: () => 0,
    monotonicMs: () => state.nowMs,
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) }),
  };
  const metrics = {
    traffic: { messagesReceived: 0, bytesReceived: 0, framesSent: 0, bytesSent: 0 },
    messageRefused: () => undefined,
    bytesRefused: (...refused: [string, number]) => void state.refusedBytes.push(refused),
  };
  const frames = { takeContinuations: () => 0, restart: () => void (state.restarts += 1) };
  const handler = new MessageHandler(client, route, sender, context, metrics, frames);
  /** The oldest message that is on its way arrives. */
  const arrive = async (outcome: AddOutcome = 'added'): Promise<void> => {
    onWay.shift()?.resolve(outcome);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { client, handler, arrive, state, lines, byteOwners };
}

describe('a client with messages on their way', () => {
  it('is not read from once there are as many as may be, and read on once one arrived', async () => {
    const { client, handler, arrive, state } = handling('commands');
    void handler.take(COMMAND, false);
    expect(client.isPaused).toBe(false);
    void handler.take(COMMAND, false);
    expect(client.isPaused).toBe(true);
    await arrive();
    expect(client.isPaused).toBe(false);
    expect(state.restarts).toBe(1);
  });

  it('may have sent meanwhile what its rate allows, beside a burst', async () => {
    const { client, handler, arrive, state } = handling('relay', { perSecond: 2 });
    state.isHeld = true;
    void handler.take(Buffer.from('held'), false);
    expect(client.isPaused).toBe(true);
    [state.nowMs, state.isHeld, client.unreadFromMs] = [2000, false, 0];
    await arrive();
    for (let message = 0; message < BURST - 1 + 4; message += 1) {
      void handler.take(Buffer.from('edit'), false);
      await arrive();
    }
    expect(client.sent).toEqual([]);
    void handler.take(Buffer.from('one more'), false);
    expect(client.sent).toMatchObject([{ data: { code: 'TOO_MANY_MESSAGES' } }]);
  });

  it('is not read from while its tenant is held, and read on once the message arrived', async () => {
    const { client, handler, arrive, state } = handling('relay');
    state.isHeld = true;
    void handler.take(Buffer.from('m'), false);
    expect(client.isPaused).toBe(true);
    await arrive();
    expect(client.isPaused).toBe(false);
  });

  it('is not read on before its tenant may send on, though Redis has the message', async () => {
    const { client, handler, arrive, state } = handling('relay');
    state.isHeld = true;
    state.release = deferred();
    void handler.take(Buffer.from('m'), false);
    await arrive();
    expect(client.isPaused).toBe(true);
    state.isHeld = false;
    state.release.resolve(undefined);
    await arrive();
    expect(client.isPaused).toBe(false);
  });

  it('is not read on when it only goes on sending after it was told to go', async () => {
    const { client, handler, arrive } = handling('commands');
    void handler.take(COMMAND, false);
    client.isReadable = false;
    client.pause();
    await arrive();
    expect(client.isPaused).toBe(true);
  });

  it('finishes when the last one arrived, and is not read from before', async () => {
    const { client, handler, arrive } = handling('commands');
    void handler.take(COMMAND, false);
    void handler.take(COMMAND, false);
    let finished = 0;
    handler.finish(() => (finished += 1));
    await arrive();
    expect([finished, client.isPaused]).toEqual([0, true]);
    await arrive();
    expect([finished, client.isPaused]).toEqual([1, false]);
  });

  it('finishes at once when it has none', () => {
    const { handler } = handling('commands');
    let finished = 0;
    handler.finish(() => (finished += 1));
    expect(finished).toBe(1);
  });
});

describe('a client that asks for a sign of life', () => {
  const PING = Buffer.from('{"type":"bridge.ping"}');
  const PONG = { type: 'bridge.pong', data: {} };

  it.each(['commands', 'relay', 'refuse'] as const)(
    'gets it where messages are for %s, and nothing else is done',
    async (messages) => {
      const { client, handler, arrive, state } = handling(messages);
      await handler.take(PING, false);
      await arrive();
      expect(client.sent).toEqual([PONG]);
      expect(state.refusedBytes).toEqual([]);
    },
  );

  it.each([
    ['bytes', PING, true],
    ['another text', Buffer.from('{"type":"bridge.pong"}'), false],
    ['a longer one', Buffer.concat([PING, Buffer.from(' ')]), false],
  ])('does not get it for %s', async (_, payload, binary) => {
    const { client, handler } = handling('refuse');
    await handler.take(payload, binary);
    expect(client.sent).toEqual([expect.objectContaining({ type: 'bridge.error' })]);
  });

  it('is refused over its rate, and then closed', async () => {
    const { client, handler } = handling('refuse', { perSecond: 1 });
    for (let count = 0; count < BURST + 1; count += 1) await handler.take(PING, false);
    expect(client.sent.slice(0, BURST)).toEqual(Array.from({ length: BURST }, () => PONG));
    expect(client.sent.at(-1)).toMatchObject({ type: 'bridge.error', data: { code: 'TOO_MANY_MESSAGES' } });
    for (let count = 0; count < BURST; count += 1) await handler.take(PING, false);
    expect(client.codes).toEqual([CLOSE_CODES.tooManyMessages.code]);
  });
});

describe('a client that goes on with what is refused', () => {
  const LINE = { msg: 'closed for flooding', tenant: 'acme', user: 'alice', requestId: 'r1' };

  it('is closed once, after a burst of refusals, and the log says whose it was and why', async () => {
    const { client, handler, lines, state } = handling('refuse');
    for (let count = 0; count < BURST + 2; count += 1) await handler.take(Buffer.from('m'), false);
    expect(client.sent).toHaveLength(BURST);
    expect(client.codes).toEqual([CLOSE_CODES.tooManyMessages.code]);
    expect(lines).toEqual([expect.objectContaining({ ...LINE, over: 'read_only' })]);
    expect(state.refusedBytes).toHaveLength(BURST + 2);
  });

  it('is closed for its pings as for its messages', () => {
    const { client, handler, lines } = handling('refuse', { perSecond: 1 });
    const answered = Array.from({ length: 2 * BURST + 1 }, () => handler.takePing(1));
    expect(answered.filter((isAnswered) => isAnswered)).toHaveLength(BURST);
    expect(client.codes).toEqual([CLOSE_CODES.tooManyMessages.code]);
    expect(lines).toEqual([expect.objectContaining({ ...LINE, over: 'message_rate' })]);
  });

  it('is closed for pongs that nobody asked for', () => {
    const { client, handler } = handling('refuse', { perSecond: 1 });
    for (let count = 0; count < 2 * BURST; count += 1) handler.takePong();
    expect(client.codes).toEqual([]);
    handler.takePong();
    expect(client.codes).toEqual([CLOSE_CODES.tooManyMessages.code]);
  });

  it("is closed when it goes on over its tenant's share of the stream", async () => {
    const { client, handler, arrive } = handling('commands');
    const refuse = async (): Promise<void> => {
      void handler.take(COMMAND, false);
      await arrive('over share');
    };
    for (let count = 0; count < BURST; count += 1) await refuse();
    expect(client.codes).toEqual([]);
    await refuse();
    expect(client.sent).toHaveLength(BURST);
    expect(client.codes).toEqual([CLOSE_CODES.tooManyMessages.code]);
  });
});

describe('a message', () => {
  it('of a peer that heard nothing for its time comes back to it once it is published', async () => {
    const { client, handler, arrive } = handling('relay');
    client.heardAtMs = 0;
    void handler.take(Buffer.from('m'), false);
    expect(client.echoed).toEqual([]);
    await arrive();
    expect(client.echoed).toEqual(['m']);
  });

  it.each([
    ['heard something within its time', 1],
    ['has other signs of life', undefined],
  ])('of a peer that %s does not come back', async (_, heardAtMs) => {
    const { client, handler, arrive } = handling('relay');
    client.heardAtMs = heardAtMs;
    void handler.take(Buffer.from('m'), false);
    await arrive();
    expect(client.echoed).toEqual([]);
  });

  it('is counted for its user and its tenant until it is let go of, once', async () => {
    const { handler, arrive, byteOwners } = handling('relay');
    const another = byteOwners.relay.join('acme', 'alice');
    void handler.take(Buffer.from('m'), false);
    await arrive();
    another.leave();
    expect([byteOwners.relay.inUse, byteOwners.commands.inUse]).toEqual([2, 0]);
    byteOwners.relay.join('acme', 'alice');
    handler.release();
    handler.release();
    expect(byteOwners.relay.inUse).toBe(2);
  });

  it('leaves nothing of its user and its tenant when it is let go of', async () => {
    const { handler, arrive, byteOwners } = handling('relay');
    void handler.take(Buffer.from('m'), false);
    await arrive();
    handler.release();
    expect(byteOwners.relay.inUse).toBe(0);
  });
});

describe('a plain reader that sends binary messages alone', () => {
  it('gets no answer, which its parser might not take, and its own message back when it hears nothing', () => {
    const { client, handler, state } = handling('relay', { isReader: true, bridgeV1: false });
    client.heardAtMs = 1;
    void handler.take(Buffer.of(1, 2), true);
    expect([client.sent, client.echoed]).toEqual([[], []]);
    client.heardAtMs = 0;
    void handler.take(Buffer.of(1, 3), true);
    expect([client.sent, client.echoed]).toEqual([[], ['\u0001\u0003']]);
    expect(state.refusedBytes).toEqual([
      ['read_only', 2],
      ['read_only', 2],
    ]);
  });
});
