import fc from 'fast-check';
import { WebSocket } from 'ws';
import { ChannelState } from '../../../sidecar/fanout/channel-state';
import { FlushDelay } from '../../../sidecar/fanout/flush-delay';
import { FlushScheduler } from '../../../sidecar/fanout/flush-scheduler';
import { frameOf } from '../../../sidecar/fanout/frame';
import { MAX_HELD_BYTES } from '../../../sidecar/fanout/held-back';
import { SendQueue } from '../../../sidecar/fanout/send-queue';
import { UnsentBudget } from '../../../sidecar/fanout/unsent-budget';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import type { SlowConsumerPolicy } from '../../../sidecar/routes/route';
import { BusyLoop, counter, NO_BOUND, rig, ROUNDS, Stream, type Rig } from './send-queues';

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ bytes: fc.integer({ min: 8, max: 5000 }) }) },
    { weight: 1, arbitrary: fc.constant('note' as const) },
    { weight: 2, arbitrary: fc.constant('end of turn' as const) },
    { weight: 1, arbitrary: fc.constant('drain' as const) },
  ),
  { maxLength: 80 },
);
const MAX = 10_000;
const LARGEST = 5004;

const LOOPS = [
  ['while the loop has time', false],
  ['while it has none', true],
] as const;

interface Loop {
  readonly scheduler: FlushScheduler;
  readonly endTurn: () => void;
  readonly settle: () => void;
}

function loop(isBusy: boolean): Loop {
  const busy = new BusyLoop();
  const scheduler = isBusy ? busy.scheduler : new FlushScheduler(new FlushDelay(0, () => 0));
  const endTurn = (): void => {
    if (isBusy) busy.goRound();
    else scheduler.end();
  };
  const settle = (): void => {
    if (isBusy) busy.settle();
    else for (let ends = 0; ends < 100; ends += 1) scheduler.end();
  };
  return { scheduler, endTurn, settle };
}

describe('a send queue', () => {
  it.each(LOOPS)(
    'sends all in order until its client is too slow, and what waited before the close, %s',
    (_, isBusy) => {
      fc.assert(
        fc.property(steps, fc.nat({ max: 30_000 }), (taken, room) => {
          const { scheduler, endTurn } = loop(isBusy);
          const { sendQueue, stream, metrics, socket, close, closings } = rig('close', MAX, room, scheduler);
          const sent: string[] = [];
          let frames = 0;
          let bytes = 0;
          for (const [index, step] of taken.entries()) {
            if (step === 'end of turn') endTurn();
            else if (step === 'drain') stream.drain(room);
            else if (step === 'note') {
              sendQueue.text(`note ${index}`);
              if (socket.readyState === WebSocket.OPEN) sent.push(`note ${index}`);
            } else {
              const text = `${index}`.padEnd(step.bytes);
              sendQueue.data(frameOf(Buffer.from(text), false));
              if (socket.readyState !== WebSocket.OPEN) continue;
              frames += 1;
              bytes += text.length;
              sent.push(text);
            }
          }
          if (closings() === 0) close();
          endTurn();
          expect(scheduler.heldCount.bytes).toBe(0);
          expect(stream.texts).toEqual(sent);
          expect(metrics.traffic).toMatchObject({ framesSent: frames, bytesSent: bytes });
          expect(closings()).toBe(1);
          stream.drain(1e6);
          sendQueue.text('late');
          scheduler.end();
          expect(stream.texts).toEqual(sent);
        }),
      );
    },
  );

  it.each(LOOPS)(
    'with policy latest keeps the count exact: a frame is where its client counts it, or after a gap that says so, %s',
    (_, isBusy) => {
      fc.assert(
        fc.property(steps, fc.nat({ max: 30_000 }), (taken, room) => {
          const { scheduler, endTurn, settle } = loop(isBusy);
          const { sendQueue, stream, closings } = rig('latest', MAX, room, scheduler);
          const notes: string[] = [];
          let end = 0;
          for (const [index, step] of taken.entries()) {
            if (step === 'end of turn') endTurn();
            else if (step === 'drain') stream.drain(room);
            else if (step === 'note') {
              sendQueue.text(`note ${index}`);
              notes.push(`note ${index}`);
            } else {
              sendQueue.data(frameOf(Buffer.from(`${end}`.padEnd(step.bytes)), false), counter, end);
              end += 1;
            }
          }
          settle();
          while (stream.writableNeedDrain) {
            stream.drain(1e6);
            settle();
          }
          expect(scheduler.heldCount.bytes).toBe(0);
          expect(closings()).toBe(0);
          let count = 0;
          const gotNotes: string[] = [];
          for (const text of stream.texts) {
            if (text.startsWith('note')) gotNotes.push(text);
            else if (text.startsWith('{')) {
              const gap = JSON.parse(text) as ReturnType<typeof counter.slowGap> & {
                data: { offset: number };
              };
              expect(gap.data.offset).toBeGreaterThan(count);
              count = gap.data.offset;
            } else expect(Number(text)).toBe(count++);
          }
          expect(count).toBe(end);
          expect(gotNotes).toEqual(notes);
        }),
      );
    },
  );

  it('with policy latest holds no more than the limit, one frame and one write', () => {
    const { sendQueue, stream, scheduler } = rig('latest', MAX, 0);
    for (let offset = 0; offset < 1000; offset += 1) {
      sendQueue.data(frameOf(Buffer.alloc(5000, 'x'), false), counter, offset);
      scheduler.end();
    }
    stream.drain(1e6);
    const written = stream.written.reduce((sum, bytes) => sum + bytes.length, 0);
    expect(written).toBeLessThanOrEqual(MAX + 2 * LARGEST + 100);
  });

  it('gives up a client whose own messages are refused faster than it reads, also with policy latest', () => {
    const { sendQueue, scheduler, closings } = rig('latest', MAX, 0);
    for (let index = 0; index < 1000 && closings() === 0; index += 1) {
      sendQueue.text('x'.repeat(100));
      scheduler.end();
    }
    expect(closings()).toBe(1);
  });

  it('left by its turn to a later one is written once, with what came for it meanwhile, in order', () => {
    let nowMs = 0;
    const later: (() => void)[] = [];
    const shares = new LoopShares({ nowMs: () => nowMs, later: (run) => later.push(run) });
    const scheduler = new FlushScheduler(
      new FlushDelay(0, () => 0),
      undefined,
      shares,
      () => (nowMs += SLICE_MS),
    );
    const { metrics } = rig('close', MAX, MAX);
    const streams = [new Stream(Infinity), new Stream(Infinity), new Stream(Infinity)];
    const sendQueues = streams.map((stream) => {
      const socket = { readyState: WebSocket.OPEN, writer: undefined };
      const policy = {
        owner: 'acme',
        maxBufferBytes: Infinity,
        slowConsumer: 'close' as const,
        openUnsent: () => new UnsentBudget(NO_BOUND).open('acme'),
        onTooSlow: () => undefined,
      };
      return new SendQueue(socket, stream, scheduler, metrics, policy);
    });
    const send = (text: string): void => {
      for (const sendQueue of sendQueues) sendQueue.data(frameOf(Buffer.from(text), false));
    };
    // All of this turn's slice.
    shares.once('other', () => (nowMs += SLICE_MS));
    const large = 'a'.repeat(40_000);
    send(large);
    send(large);
    scheduler.end();
    expect(streams.map(({ texts }) => texts)).toEqual([[], [], []]);
    send('b');
    while (later.length > 0) for (const run of later.splice(0)) run();
    scheduler.end();
    while (later.length > 0) for (const run of later.splice(0)) run();
    expect(streams.map(({ texts }) => texts)).toEqual([
      [large, large, 'b'],
      [large, large, 'b'],
      [large, large, 'b'],
    ]);
    expect(streams.map(({ written }) => written.length)).toEqual([2, 2, 2]);
  });

  it('writes no more than the limit and one message at a stretch, however much comes at once', () => {
    const loop = new BusyLoop();
    const { sendQueue, stream, closings } = rig('close', MAX, Infinity, loop.scheduler);
    const sent = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(5000));
    for (const text of sent) sendQueue.data(frameOf(Buffer.from(text), false));
    expect(stream.written).toEqual([]);
    for (let round = 0, before = 0; round < ROUNDS; round += 1) {
      loop.goRound();
      const after = stream.written.reduce((sum, bytes) => sum + bytes.length, 0);
      expect(after - before).toBeLessThanOrEqual(MAX + LARGEST);
      before = after;
    }
    expect(stream.texts).toEqual(sent);
    expect(closings()).toBe(0);
  });

  it('lets its client off that has read all, when only the loop has had no time', () => {
    const loop = new BusyLoop();
    const { sendQueue, stream, closings } = rig('close', MAX, 1, loop.scheduler);
    const sent = Array.from({ length: 8 }, (_, index) => `${index}`.padEnd(4000));
    for (const text of sent.slice(0, 2)) sendQueue.data(frameOf(Buffer.from(text), false));
    loop.settle();
    sendQueue.data(frameOf(Buffer.from(sent[2] ?? ''), false));
    loop.scheduler.once('other', () => undefined);
    stream.drain(Infinity);
    for (const text of sent.slice(3)) sendQueue.data(frameOf(Buffer.from(text), false));
    expect(closings()).toBe(0);
    loop.settle();
    expect(stream.texts).toEqual(sent);
    expect(closings()).toBe(0);
  });

  it('writes what its client had no room for in the shares of the loop, when a thousand have room at once', () => {
    const loop = new BusyLoop();
    const rigs = Array.from({ length: 50 }, () => rig('close', MAX, 1, loop.scheduler));
    const frame = frameOf(Buffer.alloc(5000, 'x'), false);
    for (const { sendQueue } of rigs) {
      sendQueue.data(frame);
      loop.settle();
      sendQueue.data(frame);
    }
    loop.scheduler.once('other', () => undefined);
    const written = (): number => rigs.filter(({ stream }) => stream.written.length === 2).length;
    for (const { stream } of rigs) stream.drain(Infinity);
    for (let before = 0; before < rigs.length;) {
      expect(written() - before).toBeLessThanOrEqual(1);
      before = written();
      loop.goRound();
    }
  });

  it('writes at once, whatever the loop has to do, when all sockets together hold back too much', () => {
    const loop = new BusyLoop();
    const { sendQueue, stream } = rig('close', MAX, Infinity, loop.scheduler);
    const frame = (): ReturnType<typeof frameOf> => frameOf(Buffer.alloc(60_000, 'x'), false);
    const frames = Math.ceil(MAX_HELD_BYTES / 60_000) + 1;
    for (let index = 0; index < frames - 2; index += 1) sendQueue.data(frame());
    expect(stream.written).toEqual([]);
    sendQueue.data(frame());
    sendQueue.data(frame());
    expect(stream.written.length).toBeGreaterThan(0);
    expect(loop.scheduler.heldCount.bytes).toBeLessThanOrEqual(MAX_HELD_BYTES);
  });

  it('holds nothing back once it is told to forget', () => {
    const loop = new BusyLoop();
    const { sendQueue } = rig('close', MAX, Infinity, loop.scheduler);
    for (let index = 0; index < 10; index += 1) sendQueue.data(frameOf(Buffer.alloc(5000, 'x'), false));
    expect(loop.scheduler.heldCount.bytes).toBeGreaterThan(0);
    sendQueue.discard();
    expect(loop.scheduler.heldCount.bytes).toBe(0);
  });

  it('writes once a turn, the same bytes for all that got the same frames', () => {
    const scheduler = new FlushScheduler(new FlushDelay(0, () => 0));
    const { metrics } = rig('close', MAX, MAX);
    const streams = [new Stream(MAX), new Stream(MAX)];
    const sendQueues = streams.map((stream) => {
      const socket = { readyState: WebSocket.OPEN, writer: undefined };
      const policy = {
        owner: 'acme',
        maxBufferBytes: MAX,
        slowConsumer: 'close' as const,
        openUnsent: () => new UnsentBudget(NO_BOUND).open('acme'),
        onTooSlow: () => undefined,
      };
      return new SendQueue(socket, stream, scheduler, metrics, policy);
    });
    for (const text of ['a', 'b', 'c']) {
      const frame = frameOf(Buffer.from(text), false);
      for (const sendQueue of sendQueues) sendQueue.data(frame);
    }
    scheduler.end();
    expect(streams.map(({ texts }) => texts)).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    expect(streams.map(({ written }) => written.length)).toEqual([1, 1]);
    expect(streams[0]?.written[0]).toBe(streams[1]?.written[0]);
  });

  it('sends nothing of what it was told to forget', () => {
    const { sendQueue, stream, scheduler, close } = rig('close', MAX, MAX);
    sendQueue.text('secret');
    sendQueue.discard();
    close();
    scheduler.end();
    expect(stream.texts).toEqual([]);
  });

  it('that is sealed takes nothing more, and sends what waited before the close frame only', () => {
    const { sendQueue, stream, scheduler, close } = rig('close', MAX, MAX);
    sendQueue.text('before');
    sendQueue.seal();
    sendQueue.data(frameOf(Buffer.from('after'), false));
    sendQueue.text('after');
    scheduler.end();
    expect(stream.texts).toEqual([]);
    close();
    expect(stream.texts).toEqual(['before']);
  });

  it('that is sealed keeps what its client had no room for until the close frame', () => {
    const { sendQueue, stream, scheduler, close } = rig('close', MAX, 1);
    for (const text of ['first', 'second']) {
      sendQueue.text(text);
      scheduler.end();
    }
    sendQueue.seal();
    stream.drain(MAX);
    expect(stream.texts).toEqual(['first']);
    close();
    expect(stream.texts).toEqual(['first', 'second']);
  });
});

describe('the state of a channel, in a send queue whose client takes no more', () => {
  const [OLD, NEW] = [frameOf(Buffer.from('old'.repeat(50)), false), frameOf(Buffer.from('new'), false)];
  const STATE = new ChannelState(Buffer.from('state'));
  const SHOWN = '{"type":"bridge.state","data":{"text":"state"}}';
  const gapAt = (offset: number): string => JSON.stringify(counter.slowGap(offset));

  /** One that too much waits in, on a route for the latest: its stream has the first frame. */
  function full(): Rig {
    const made = rig('latest', 100, 0);
    for (let offset = 0; offset < 3; offset += 1) {
      made.sendQueue.data(OLD, counter, offset);
      made.scheduler.end();
    }
    return made;
  }

  function restOf({ stream, scheduler }: Rig): readonly string[] {
    stream.drain(Infinity);
    scheduler.end();
    return stream.texts.slice(1);
  }

  it('takes the place of the frames that wait, behind the gap that stands for them', () => {
    const made = full();
    made.sendQueue.state(STATE, counter, 3);
    expect(restOf(made)).toEqual([gapAt(3), SHOWN]);
  });

  it('is left out itself for newer frames', () => {
    const made = full();
    made.sendQueue.state(STATE, counter, 3);
    made.sendQueue.data(OLD, counter, 3);
    made.sendQueue.data(NEW, counter, 4);
    expect(restOf(made)).toEqual([gapAt(4), 'new']);
  });

  it('closes the client where the route says so', () => {
    const made = rig('close', 100, 0);
    made.sendQueue.data(OLD);
    made.scheduler.end();
    made.sendQueue.state(STATE, counter, 1);
    expect([made.closings(), made.actions]).toEqual([1, ['closed: socket']]);
  });
});

describe('a send queue whose client takes no more, and the budget of all', () => {
  const FRAME = frameOf(Buffer.alloc(1000), false);
  const WIRE = FRAME.wire.length;

  /** One that so many frames wait in, of which its stream holds the first. */
  function waiting(
    budget: UnsentBudget,
    frames: number,
    policy: SlowConsumerPolicy = 'close',
    tenant = 'acme',
  ): Rig {
    const made = rig(policy, Infinity, 0, undefined, budget, tenant);
    for (let sent = 0; sent < frames; sent += 1) {
      made.sendQueue.data(FRAME);
      made.scheduler.end();
    }
    return made;
  }

  it('counts what the stream and what it itself holds, and gives back what is taken', () => {
    const budget = new UnsentBudget(NO_BOUND);
    const { stream } = waiting(budget, 3);
    expect(budget.bytes).toBe(3 * WIRE);
    stream.drain(0);
    expect(budget.bytes).toBe(WIRE * 2);
    stream.drain(Infinity);
    expect([budget.bytes, budget.tenants]).toEqual([0, 0]);
  });

  it('gives back all once it is discarded', () => {
    const budget = new UnsentBudget(NO_BOUND);
    waiting(budget, 3).sendQueue.discard();
    expect([budget.bytes, budget.tenants]).toEqual([0, 0]);
  });

  it('counts nothing for a client that keeps up', () => {
    const budget = new UnsentBudget({ totalBytes: 1, tenantBytes: 1 });
    const quick = rig('close', Infinity, Infinity, undefined, budget);
    waiting(budget, 1);
    quick.sendQueue.data(FRAME);
    quick.scheduler.end();
    expect([quick.closings(), quick.actions, budget.bytes]).toEqual([0, [], WIRE]);
  });

  it('closes a client of a tenant over its share, without what waits, and no other tenant’s', () => {
    const budget = new UnsentBudget({ totalBytes: Infinity, tenantBytes: 4 * WIRE });
    const [one, two] = [waiting(budget, 2), waiting(budget, 3)];
    const other = waiting(budget, 3, 'close', 'globex');
    for (const { sendQueue } of [one, other]) sendQueue.data(FRAME);
    expect([one, two, other].map(({ closings }) => closings())).toEqual([1, 0, 0]);
    expect(one.actions).toEqual(['closed: tenant']);
    expect(one.stream.written).toHaveLength(1);
    expect(budget.bytes).toBe((3 + 4) * WIRE);
  });

  it('leaves a client of a route for the latest with the newest frame', () => {
    const budget = new UnsentBudget({ totalBytes: Infinity, tenantBytes: 4 * WIRE });
    const { sendQueue, actions, closings } = waiting(budget, 5, 'latest');
    sendQueue.data(FRAME, counter, 5);
    expect([actions, closings()]).toEqual([['replaced: tenant'], 0]);
    expect(budget.bytes).toBeLessThan(4 * WIRE);
  });

  it('closes one of the tenant with most once too much waits for all', () => {
    const budget = new UnsentBudget({ totalBytes: 7 * WIRE, tenantBytes: Infinity });
    const [small, large] = [waiting(budget, 2, 'close', 'globex'), waiting(budget, 6)];
    for (const { sendQueue } of [small, large]) sendQueue.data(FRAME);
    expect([small, large].map(({ actions }) => actions)).toEqual([[], ['closed: total']]);
  });
});
