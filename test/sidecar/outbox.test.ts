import fc from 'fast-check';
import { WebSocket } from 'ws';
import type { ControlFrame } from '../../protocol/frames';
import type { FrameStream, UnderlyingSocket } from '../../sidecar/bridge-socket';
import { frameOf } from '../../sidecar/frame';
import { Outbox, type OutboxMetrics } from '../../sidecar/outbox';
import { LoopShares, SLICE_MS } from '../../sidecar/loop-shares';
import { Pace } from '../../sidecar/pace';
import type { SlowConsumerPolicy } from '../../sidecar/routes';
import { Turn } from '../../sidecar/turn';

/** A stream whose kernel takes so many bytes, and then nothing until {@link drain}. */
class Stream implements Pick<FrameStream, 'write' | 'cork' | 'uncork'> {
  readonly written: Buffer[] = [];
  writableLength = 0;
  writableNeedDrain = false;
  #room: number;
  #onDrain: (() => void)[] = [];

  constructor(room: number) {
    this.#room = room;
  }

  write(bytes: Buffer): boolean {
    this.written.push(bytes);
    this.#room -= bytes.length;
    if (this.#room < 0) {
      this.writableLength += bytes.length;
      this.writableNeedDrain = true;
    }
    return !this.writableNeedDrain;
  }

  once(_: string, listener: () => void): this {
    this.#onDrain.push(listener);
    return this;
  }

  drain(room: number): void {
    if (!this.writableNeedDrain) return;
    this.#room = room;
    this.writableLength = 0;
    this.writableNeedDrain = false;
    for (const listener of this.#onDrain.splice(0)) listener();
  }

  cork(): void {
    return undefined;
  }

  uncork(): void {
    return undefined;
  }

  /** The payloads of the frames that were written, of at most 64 KiB each. */
  get texts(): string[] {
    const bytes = Buffer.concat(this.written);
    const texts: string[] = [];
    for (let at = 0; at < bytes.length;) {
      const short = bytes[at + 1] ?? 0;
      const [header, length] = short < 126 ? [2, short] : [4, bytes.readUInt16BE(at + 2)];
      texts.push(bytes.toString('utf8', at + header, at + header + length));
      at += header + length;
    }
    return texts;
  }
}

interface Rig {
  readonly outbox: Outbox;
  readonly stream: Stream;
  readonly socket: { -readonly [Key in keyof UnderlyingSocket]: UnderlyingSocket[Key] };
  readonly turn: Turn;
  readonly metrics: OutboxMetrics;
  readonly close: () => void;
  readonly closings: () => number;
}

function rig(slowConsumer: SlowConsumerPolicy, maxBufferBytes: number, room: number): Rig {
  const stream = new Stream(room);
  const socket: Rig['socket'] = { readyState: WebSocket.OPEN, beforeClose: undefined };
  const turn = new Turn(new Pace(0, () => 0));
  const traffic = { messagesReceived: 0, bytesReceived: 0, framesSent: 0, bytesSent: 0 };
  const metrics = { traffic, slowConsumer: () => undefined };
  let closings = 0;
  const close = (): void => {
    socket.beforeClose?.();
    socket.readyState = WebSocket.CLOSING;
    closings += 1;
  };
  const policy = { owner: 'acme', maxBufferBytes, slowConsumer, onTooSlow: close };
  const outbox = new Outbox(socket, stream as unknown as FrameStream, turn, metrics, policy);
  return { outbox, stream, socket, turn, metrics, close, closings: () => closings };
}

const counter = {
  slowGap: (offset: number): ControlFrame => ({
    type: 'bridge.gap',
    data: { reason: 'slow', epoch: 'e', offset },
  }),
};

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

describe('an outbox', () => {
  it('sends everything in order until its client is too slow, and what waited before the close', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 30_000 }), (taken, room) => {
        const { outbox, stream, turn, metrics, socket, close, closings } = rig('close', MAX, room);
        const sent: string[] = [];
        let frames = 0;
        for (const [index, step] of taken.entries()) {
          if (step === 'end of turn') turn.end();
          else if (step === 'drain') stream.drain(room);
          else if (step === 'note') {
            outbox.text(`note ${index}`);
            if (socket.readyState === WebSocket.OPEN) sent.push(`note ${index}`);
          } else {
            const text = `${index}`.padEnd(step.bytes);
            outbox.data(frameOf(Buffer.from(text), false));
            if (socket.readyState !== WebSocket.OPEN) continue;
            frames += 1;
            sent.push(text);
          }
        }
        if (closings() === 0) close();
        turn.end();
        expect(stream.texts).toEqual(sent);
        expect(metrics.traffic.framesSent).toBe(frames);
        expect(closings()).toBe(1);
        stream.drain(1e6);
        outbox.text('late');
        turn.end();
        expect(stream.texts).toEqual(sent);
      }),
    );
  });

  it('with policy latest keeps the count exact: a frame is where its client counts it, or after a gap that says so', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 30_000 }), (taken, room) => {
        const { outbox, stream, turn, closings } = rig('latest', MAX, room);
        const notes: string[] = [];
        let end = 0;
        for (const [index, step] of taken.entries()) {
          if (step === 'end of turn') turn.end();
          else if (step === 'drain') stream.drain(room);
          else if (step === 'note') {
            outbox.text(`note ${index}`);
            notes.push(`note ${index}`);
          } else {
            outbox.data(frameOf(Buffer.from(`${end}`.padEnd(step.bytes)), false), counter, end);
            end += 1;
          }
        }
        turn.end();
        stream.drain(1e6);
        expect(closings()).toBe(0);
        let count = 0;
        const gotNotes: string[] = [];
        for (const text of stream.texts) {
          if (text.startsWith('note')) gotNotes.push(text);
          else if (text.startsWith('{')) {
            const gap = JSON.parse(text) as ReturnType<typeof counter.slowGap> & { data: { offset: number } };
            expect(gap.data.offset).toBeGreaterThan(count);
            count = gap.data.offset;
          } else expect(Number(text)).toBe(count++);
        }
        expect(count).toBe(end);
        expect(gotNotes).toEqual(notes);
      }),
    );
  });

  it('with policy latest holds no more than the limit, one frame and one write', () => {
    const { outbox, stream, turn } = rig('latest', MAX, 0);
    for (let offset = 0; offset < 1000; offset += 1) {
      outbox.data(frameOf(Buffer.alloc(5000, 'x'), false), counter, offset);
      turn.end();
    }
    stream.drain(1e6);
    const written = stream.written.reduce((sum, bytes) => sum + bytes.length, 0);
    expect(written).toBeLessThanOrEqual(MAX + 2 * LARGEST + 100);
  });

  it('gives up a client whose own messages are refused faster than it reads, also with policy latest', () => {
    const { outbox, turn, closings } = rig('latest', MAX, 0);
    for (let index = 0; index < 1000 && closings() === 0; index += 1) {
      outbox.text('x'.repeat(100));
      turn.end();
    }
    expect(closings()).toBe(1);
  });

  it('left by its turn to a later one is written once, with what came for it meanwhile, in order', () => {
    let nowMs = 0;
    const later: (() => void)[] = [];
    const shares = new LoopShares({ nowMs: () => nowMs, later: (run) => later.push(run) });
    const turn = new Turn(new Pace(0, () => 0), undefined, shares, () => (nowMs += SLICE_MS));
    const { metrics } = rig('close', MAX, MAX);
    const streams = [new Stream(Infinity), new Stream(Infinity), new Stream(Infinity)];
    const outboxes = streams.map((stream) => {
      const socket = { readyState: WebSocket.OPEN, beforeClose: undefined };
      const policy = {
        owner: 'acme',
        maxBufferBytes: Infinity,
        slowConsumer: 'close' as const,
        onTooSlow: () => undefined,
      };
      return new Outbox(socket, stream as unknown as FrameStream, turn, metrics, policy);
    });
    const send = (text: string): void => {
      for (const outbox of outboxes) outbox.data(frameOf(Buffer.from(text), false));
    };
    // All of this turn's slice.
    shares.once('other', () => (nowMs += SLICE_MS));
    const large = 'a'.repeat(40_000);
    send(large);
    send(large);
    turn.end();
    expect(streams.map(({ texts }) => texts)).toEqual([[large, large], [], []]);
    send('b');
    while (later.length > 0) for (const run of later.splice(0)) run();
    turn.end();
    while (later.length > 0) for (const run of later.splice(0)) run();
    expect(streams.map(({ texts }) => texts)).toEqual([
      [large, large, 'b'],
      [large, large, 'b'],
      [large, large, 'b'],
    ]);
    expect(streams.map(({ written }) => written.length)).toEqual([3, 2, 2]);
  });

  it('writes once a turn, the same bytes for all that got the same frames', () => {
    const turn = new Turn(new Pace(0, () => 0));
    const { metrics } = rig('close', MAX, MAX);
    const streams = [new Stream(MAX), new Stream(MAX)];
    const outboxes = streams.map((stream) => {
      const socket = { readyState: WebSocket.OPEN, beforeClose: undefined };
      const policy = {
        owner: 'acme',
        maxBufferBytes: MAX,
        slowConsumer: 'close' as const,
        onTooSlow: () => undefined,
      };
      return new Outbox(socket, stream as unknown as FrameStream, turn, metrics, policy);
    });
    for (const text of ['a', 'b', 'c']) {
      const frame = frameOf(Buffer.from(text), false);
      for (const outbox of outboxes) outbox.data(frame);
    }
    turn.end();
    expect(streams.map(({ texts }) => texts)).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    expect(streams.map(({ written }) => written.length)).toEqual([1, 1]);
    expect(streams[0]?.written[0]).toBe(streams[1]?.written[0]);
  });

  it('sends nothing of what it was told to forget', () => {
    const { outbox, stream, turn, close } = rig('close', MAX, MAX);
    outbox.text('secret');
    outbox.discard();
    close();
    turn.end();
    expect(stream.texts).toEqual([]);
  });

  it('that is sealed takes nothing more, and sends what waited before the close frame only', () => {
    const { outbox, stream, turn, close } = rig('close', MAX, MAX);
    outbox.text('before');
    outbox.seal();
    outbox.data(frameOf(Buffer.from('after'), false));
    outbox.text('after');
    turn.end();
    expect(stream.texts).toEqual([]);
    close();
    expect(stream.texts).toEqual(['before']);
  });

  it('that is sealed keeps what its client had no room for until the close frame', () => {
    const { outbox, stream, turn, close } = rig('close', MAX, 1);
    for (const text of ['first', 'second']) {
      outbox.text(text);
      turn.end();
    }
    outbox.seal();
    stream.drain(MAX);
    expect(stream.texts).toEqual(['first']);
    close();
    expect(stream.texts).toEqual(['first', 'second']);
  });
});
