import { WebSocket } from 'ws';
import { frameOf, outgoingText } from '../../../sidecar/fanout/frame';
import { MAX_HELD_BYTES } from '../../../sidecar/fanout/held-back';
import { UnsentBudget } from '../../../sidecar/fanout/unsent-budget';
import type { SlowConsumerPolicy } from '../../../sidecar/routes/route';
import { BusyLoop, counter, NO_BOUND, rig, type Rig } from './send-queues';

const FRAME = frameOf(Buffer.alloc(1000, 'x'), false);
const WIRE = FRAME.wire.length;
/** Larger than half of a write. */
const LARGE = frameOf(Buffer.alloc(60_000, 'x'), false);
/** A note whose bytes on the wire are so many. */
const note = (bytes: number): string => 'n'.repeat(bytes - 4);

/** Sends frames, each in a turn of its own. */
function sendInTurns({ sendQueue, scheduler }: Rig, frames: number): void {
  for (let sent = 0; sent < frames; sent += 1) {
    sendQueue.data(FRAME);
    scheduler.end();
  }
}

/** Lets a kernel take all at once, though the stream is full for the moment. */
function takeAtOnce({ stream }: Rig): void {
  stream.write = (bytes) => {
    stream.written.push(bytes);
    stream.writableNeedDrain = true;
    return false;
  };
}

/** Seals the queue of a client that is too slow: its socket closes later. @returns how often that was told */
function closeLater({ policy, sendQueue }: Rig): () => number {
  let told = 0;
  policy.onTooSlow = () => {
    told += 1;
    sendQueue.seal();
  };
  return () => told;
}

describe('a send queue', () => {
  it('has the owner of its policy, in whose share it is written', () => {
    expect(rig('close', 1, 1, undefined, undefined, 'globex').sendQueue.owner).toBe('globex');
  });

  it('makes no further write of a turn once the kernel takes no more, and keeps all of it in order', () => {
    const { sendQueue, stream, scheduler } = rig('close', Infinity, 0);
    const frames = ['a', 'b', 'c', 'd'].map((text) => frameOf(Buffer.from(text.padEnd(60_000)), false));
    for (const frame of frames) sendQueue.data(frame);
    scheduler.end();
    expect(stream.written).toHaveLength(1);
    stream.drain(Infinity);
    expect(stream.texts.map((text) => text.trim())).toEqual(['a', 'b', 'c', 'd']);
  });

  it('writes nothing to a socket that closes by itself', () => {
    const { sendQueue, stream, scheduler, socket, metrics } = rig('close', Infinity, Infinity);
    sendQueue.data(FRAME);
    socket.readyState = WebSocket.CLOSING;
    scheduler.end();
    expect([stream.written, metrics.traffic.framesSent]).toEqual([[], 0]);
  });

  it('writes nothing that waited to a socket that has closed by itself', () => {
    const made = rig('close', Infinity, 0);
    sendInTurns(made, 2);
    made.socket.readyState = WebSocket.CLOSED;
    made.stream.drain(Infinity);
    expect(made.stream.written).toHaveLength(1);
  });

  it('writes nothing that it was told to forget while the kernel took no more', () => {
    const made = rig('close', Infinity, 0);
    sendInTurns(made, 2);
    made.sendQueue.discard();
    made.stream.drain(Infinity);
    expect(made.stream.written).toHaveLength(1);
    sendInTurns(made, 1);
    expect(made.stream.written).toHaveLength(2);
  });

  it('goes on as before once what it held back is written', () => {
    const { sendQueue, stream, scheduler } = rig('close', WIRE, Infinity);
    for (let sent = 0; sent < 5; sent += 1) sendQueue.data(FRAME);
    for (let turn = 0; turn < 5; turn += 1) scheduler.end();
    expect(stream.texts).toHaveLength(5);
    sendQueue.data(FRAME);
    scheduler.end();
    expect(stream.texts).toHaveLength(6);
  });

  it('holds back what comes behind more than the limit, not behind just so much', () => {
    const { sendQueue, scheduler } = rig('close', 2 * WIRE, Infinity);
    for (let sent = 0; sent < 3; sent += 1) sendQueue.data(FRAME);
    expect(scheduler.heldCount.bytes).toBe(0);
    sendQueue.data(FRAME);
    expect(scheduler.heldCount.bytes).toBeGreaterThan(0);
  });
});

describe('a stream that is full for a moment only, or not yet', () => {
  const budget = (): UnsentBudget => new UnsentBudget(NO_BOUND);

  it('counts for nothing when the kernel took all at once', () => {
    const bytes = budget();
    const made = rig('close', Infinity, 0, undefined, bytes);
    takeAtOnce(made);
    sendInTurns(made, 1);
    expect(bytes.bytes).toBe(0);
  });

  it('gets the rest of a turn when it has room again', () => {
    const made = rig('close', Infinity, 0);
    takeAtOnce(made);
    for (let sent = 0; sent < 3; sent += 1) made.sendQueue.data(LARGE);
    made.scheduler.end();
    expect(made.stream.written).toHaveLength(1);
    for (let drains = 0; drains < 2; drains += 1) made.stream.drain(0);
    expect(made.stream.written).toHaveLength(3);
  });

  it('gets the next turn too while it has room for more, though some of it is not taken yet', () => {
    const bytes = budget();
    const made = rig('close', Infinity, Infinity, undefined, bytes);
    made.stream.writableLength = 100;
    sendInTurns(made, 2);
    expect([made.stream.written.length, bytes.bytes]).toEqual([2, 0]);
  });

  it('has more than the limit, and for the latest that leaves nothing out', () => {
    const made = rig('latest', 5000, Infinity);
    made.stream.writableLength = 5001;
    made.sendQueue.data(FRAME, counter, 0);
    made.sendQueue.text('note');
    made.scheduler.end();
    expect([made.stream.texts.length, made.actions, made.closings()]).toEqual([2, [], 0]);
  });
});

describe('a client is too slow', () => {
  it('with more than the limit, not with just so much', () => {
    const made = rig('close', 2 * WIRE, 0);
    sendInTurns(made, 3);
    expect(made.closings()).toBe(0);
    made.sendQueue.data(FRAME);
    expect([made.closings(), made.actions]).toEqual([1, ['closed: socket']]);
  });

  it.each<[SlowConsumerPolicy, string, () => Rig]>([
    ['close', 'that must not be left out', () => rig('close', WIRE, 0)],
    ['latest', 'that are more than the limit by themselves', () => rig('latest', WIRE, 0)],
  ])('with policy %s for messages of the bridge %s', (policy, _, make) => {
    const made = make();
    sendInTurns(made, 2);
    expect(made.closings()).toBe(0);
    made.sendQueue.text(note(policy === 'close' ? 5 : WIRE + 1));
    expect(made.closings()).toBe(1);
  });

  it('with policy latest for messages of the bridge that together are more than the limit, not just so much', () => {
    const made = rig('latest', WIRE, 0);
    sendInTurns(made, 2);
    made.sendQueue.text(note(500));
    made.sendQueue.text(note(WIRE - 500));
    expect(made.closings()).toBe(0);
    made.sendQueue.text(note(5));
    expect(made.closings()).toBe(1);
  });

  it('again after it took a part', () => {
    const made = rig('close', WIRE, 0);
    sendInTurns(made, 2);
    made.stream.drain(0);
    sendInTurns(made, 1);
    expect(made.closings()).toBe(0);
    made.sendQueue.data(FRAME);
    expect(made.closings()).toBe(1);
  });

  it('by its own limit, also where its tenant is over its share', () => {
    const budget = new UnsentBudget({ totalBytes: Infinity, tenantBytes: WIRE });
    const made = rig('close', WIRE, 0, undefined, budget);
    closeLater(made);
    made.sendQueue.data(FRAME);
    made.sendQueue.data(FRAME);
    made.scheduler.end();
    made.sendQueue.data(FRAME);
    expect(made.actions).toEqual(['closed: socket']);
  });

  it("by its tenant's share, where it has just its own limit", () => {
    const budget = new UnsentBudget({ totalBytes: Infinity, tenantBytes: WIRE });
    const made = rig('close', 2 * WIRE, 0, undefined, budget);
    sendInTurns(made, 2);
    made.sendQueue.data(FRAME);
    expect(made.actions).toEqual(['closed: tenant']);
  });

  it('and gets nothing that came too late when its socket closes later', () => {
    const made = rig('close', WIRE, 0);
    const told = closeLater(made);
    sendInTurns(made, 2);
    made.sendQueue.data(frameOf(Buffer.from('late'), false));
    made.sendQueue.data(frameOf(Buffer.from('later'), false));
    expect(told()).toBe(1);
    made.close();
    expect(made.stream.texts).toHaveLength(2);
  });

  it('and gets what was held back before the close, told of once', () => {
    const loop = new BusyLoop();
    const made = rig('close', WIRE, 0, loop.scheduler);
    const told = closeLater(made);
    for (let sent = 0; sent < 6; sent += 1) made.sendQueue.data(FRAME);
    loop.settle();
    expect(told()).toBe(1);
    made.close();
    expect(made.stream.texts).toHaveLength(6);
    expect(loop.scheduler.heldCount.bytes).toBe(0);
  });

  it('and gets the newest frame alone with policy latest, without a word where it is told of no gaps', () => {
    const made = rig('latest', WIRE, 0);
    sendInTurns(made, 3);
    made.sendQueue.data(frameOf(Buffer.from('new'), false));
    made.stream.drain(Infinity);
    expect(made.stream.texts.slice(1)).toEqual(['new']);
  });
});

describe('a control frame that waits', () => {
  const gapAt = (offset: number): ReturnType<typeof counter.slowGap> => counter.slowGap(offset);

  it('stays where frames are left out, unless it is a gap, for which the new one stands', () => {
    const made = rig('latest', WIRE, 0);
    sendInTurns(made, 1);
    made.sendQueue.control(gapAt(7));
    made.sendQueue.control({ type: 'bridge.ack', data: { id: 'c1' } });
    made.sendQueue.data(FRAME, counter, 8);
    made.sendQueue.data(FRAME, counter, 9);
    made.stream.drain(Infinity);
    expect(made.stream.texts.slice(1, -1)).toEqual([
      JSON.stringify(gapAt(9)),
      JSON.stringify({ type: 'bridge.ack', data: { id: 'c1' } }),
    ]);
  });
});

describe('what is held back while the loop has no time', () => {
  const TOO_MANY = Math.ceil(MAX_HELD_BYTES / LARGE.wire.length) + 2;
  /** Sends so much that all sockets together hold back too much. */
  function sendTooMuch({ sendQueue }: Rig): void {
    for (let sent = 0; sent < TOO_MANY; sent += 1)
      sendQueue.data(frameOf(Buffer.alloc(LARGE.payloadBytes), false));
  }

  it('is written at once where it is too much, up to where its client proves too slow', () => {
    const made = rig('close', WIRE, 0, new BusyLoop().scheduler);
    const told = closeLater(made);
    made.sendQueue.data(FRAME);
    sendTooMuch(made);
    expect([made.stream.written.length, told()]).toEqual([1, 1]);
  });

  it('is written at once where it is too much, also behind what its client had no room for before', () => {
    const loop = new BusyLoop();
    const made = rig('close', WIRE, 0, loop.scheduler);
    for (const frame of [FRAME, LARGE]) {
      made.sendQueue.data(frame);
      loop.settle();
    }
    loop.scheduler.once('other', () => undefined);
    made.stream.drain(Infinity);
    made.sendQueue.data(FRAME);
    expect(made.stream.written).toHaveLength(1);
    sendTooMuch(made);
    expect(made.stream.written.length).toBeGreaterThan(1);
    expect(loop.scheduler.heldCount.isFull).toBe(false);
  });

  it('stays before what comes next, though its tenant is over its share no longer', () => {
    const loop = new BusyLoop();
    const budget = new UnsentBudget({ totalBytes: Infinity, tenantBytes: 3 * WIRE });
    const [made, other] = [0, 1].map(() => rig('close', Infinity, 0, loop.scheduler, budget)) as [Rig, Rig];
    for (const each of [made, other]) {
      for (let sent = 0; sent < 2; sent += 1) {
        each.sendQueue.data(FRAME);
        loop.settle();
      }
    }
    loop.scheduler.once('busy', () => undefined);
    made.stream.drain(Infinity);
    made.sendQueue.text('one');
    expect(loop.scheduler.heldCount.bytes).toBeGreaterThan(0);
    other.sendQueue.discard();
    made.sendQueue.text('two');
    loop.settle();
    expect(made.stream.texts.slice(2)).toEqual(['one', 'two']);
  });
});

describe('a send queue that is asked to say when all is written', () => {
  /** Asks, and counts how often it was called back. */
  function ask({ sendQueue }: Rig): () => number {
    let calls = 0;
    sendQueue.flushed(() => (calls += 1));
    return () => calls;
  }

  it('writes what waits at once, and says so', () => {
    const made = rig('close', Infinity, Infinity);
    made.sendQueue.data(FRAME);
    const calls = ask(made);
    expect([made.stream.texts.length, calls()]).toEqual([1, 1]);
    expect(ask(made)()).toBe(1);
  });

  it("says so in its owner's share of the loop", () => {
    const loop = new BusyLoop();
    const made = rig('close', Infinity, Infinity, loop.scheduler);
    const calls = ask(made);
    expect(calls()).toBe(0);
    loop.settle();
    expect(calls()).toBe(1);
  });

  it('waits until its client has taken all', () => {
    const made = rig('close', Infinity, 0);
    for (let sent = 0; sent < 4; sent += 1) made.sendQueue.data(LARGE);
    const calls = ask(made);
    for (let written = 1; written < 4; written += 1) {
      expect([made.stream.written.length, calls()]).toEqual([written, 0]);
      made.stream.drain(0);
    }
    expect([made.stream.written.length, calls()]).toEqual([4, 0]);
    made.stream.drain(Infinity);
    expect(calls()).toBe(1);
  });

  it('waits for what was held back too', () => {
    const loop = new BusyLoop();
    const made = rig('close', WIRE, Infinity, loop.scheduler);
    for (let sent = 0; sent < 40; sent += 1) made.sendQueue.data(FRAME);
    const written: number[] = [];
    made.sendQueue.flushed(() => written.push(made.stream.texts.length));
    loop.settle();
    expect(written).toEqual([40]);
  });

  it('does not go on asking once its client has hung up, whatever was held back for it', () => {
    const loop = new BusyLoop();
    const made = rig('close', WIRE, Infinity, loop.scheduler);
    for (let sent = 0; sent < 40; sent += 1) made.sendQueue.data(FRAME);
    const calls = ask(made);
    made.socket.readyState = WebSocket.CLOSING;
    const turns = jest.spyOn(loop.scheduler, 'once');
    loop.settle();
    expect(turns.mock.calls.length).toBeLessThan(3);
    expect(calls()).toBe(0);
  });
});

it('a note of the test has as many bytes on the wire as it is to have', () => {
  expect(outgoingText(note(500), 'note').wire).toHaveLength(500);
});
