import fc from 'fast-check';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { CATCH_UP_MS } from '../../../sidecar/websocket/backlog';
import { BridgeSocket, PIECE_BYTES, type BytesReader } from '../../../sidecar/websocket/bridge-socket';
import { MessageProgress } from '../../../sidecar/inbound/message-timeout';
import { BUFFER_OVERHEAD_BYTES } from '../../../sidecar/lib/keepers';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import { maskedFrame, OPCODE_BINARY, OPCODE_CONTINUATION } from '../../../bench/neighbour/masked-frame';

const LIMITS = { maxMessageBytes: 2 ** 20, maxFragments: 1024, maxPieces: 1024 };

/** So long a small message takes. */
const MESSAGE_MS = SLICE_MS / 5000;

/** A loop whose time passes only in messages. */
class Loop {
  nowMs = 0;
  readonly #laters: (() => void)[] = [];
  readonly shares = new LoopShares({
    nowMs: () => this.nowMs,
    later: (run) => void this.#laters.push(run),
  });

  /** @returns how long this turn worked, or undefined when there was nothing to do */
  turn(): number | undefined {
    const fromMs = this.nowMs;
    const run = this.#laters.shift();
    run?.();
    return run === undefined ? undefined : this.nowMs - fromMs;
  }

  /** @returns the longest turn */
  settle(): number {
    let longest = 0;
    for (let ms = this.turn(); ms !== undefined; ms = this.turn()) longest = Math.max(longest, ms);
    return longest;
  }
}

const noop = (): void => undefined;

/** A client's parser, and what came out of it. */
function client(loop: Loop, tenantId: string, onMessage: (text: string) => void = () => undefined) {
  const progress = new MessageProgress();
  const pieces: number[] = [];
  const kept: number[] = [];
  const reader: BytesReader = {
    shares: loop.shares,
    tenantId,
    get nowMs() {
      return loop.nowMs;
    },
    get frameBytesLeft() {
      return progress.frameBytesLeft;
    },
    keeps: (bytes) => kept.push(bytes),
    read: (bytes) => {
      pieces.push(bytes.length);
      progress.read(bytes);
    },
  };
  const stream = new Duplex({
    read: () => undefined,
    write: (_bytes, _encoding, done) => {
      done();
    },
  });
  const socket = new BridgeSocket(stream, LIMITS);
  socket.reader = reader;
  socket.owner = {
    pinged: () => undefined,
    ponged: () => undefined,
    closed: () => undefined,
    received: (payload) => {
      onMessage(payload.toString('latin1'));
    },
  };
  /** @returns whether the client is read from further */
  const send = (bytes: Buffer): boolean => {
    socket.take(Buffer.from(bytes));
    return !stream.isPaused();
  };
  return { send, socket, stream, pieces, kept, isRead: () => !stream.isPaused() };
}

const frame = (text: string): Buffer =>
  maskedFrame(OPCODE_BINARY, Buffer.from(text, 'latin1'), { fin: true });

describe('what a client sends', () => {
  it('is read at once while nobody waits', () => {
    const loop = new Loop();
    const seen: string[] = [];
    const { send } = client(loop, 'acme', (text) => seen.push(text));
    send(frame('one'));
    send(frame('two'));
    expect(seen).toEqual(['one', 'two']);
  });

  it('waits once its tenant has used up a slice, and another tenant’s message comes before the rest', () => {
    const loop = new Loop();
    const seen: string[] = [];
    const slowly = (text: string): void => {
      loop.nowMs += MESSAGE_MS;
      seen.push(text);
    };
    const floods = Array.from({ length: 20 }, () => client(loop, 'acme', slowly));
    const chunk = Buffer.concat(Array.from({ length: 4_000 }, () => frame('a')));
    const readOn = floods.map(({ send }) => send(chunk));
    expect([readOn[0], readOn.at(-1)]).toEqual([true, false]);
    // A slice, and the piece that began within it.
    const pieceMs = (PIECE_BYTES / frame('a').length) * MESSAGE_MS;
    expect(loop.nowMs).toBeLessThanOrEqual(SLICE_MS + pieceMs + MESSAGE_MS);
    client(loop, 'globex', slowly).send(frame('b'));
    loop.turn();
    loop.turn();
    expect(seen).toContain('b');
    expect(loop.settle()).toBeLessThanOrEqual(SLICE_MS + pieceMs + MESSAGE_MS);
    expect(seen).toHaveLength(20 * 4_000 + 1);
  });

  it('is told of as memory while it waits, and is unread so long', () => {
    const loop = new Loop();
    const flood = client(loop, 'acme', () => (loop.nowMs += MESSAGE_MS));
    const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => frame('a')));
    flood.send(chunk);
    const waiting = client(loop, 'acme');
    const memory = chunk.length + BUFFER_OVERHEAD_BYTES;
    waiting.send(chunk);
    expect([waiting.kept.at(-1), waiting.socket.isUnread]).toEqual([memory, true]);
    waiting.send(chunk);
    expect(waiting.kept.at(-1)).toBe(2 * memory);
    loop.settle();
    expect([waiting.kept.at(-1), waiting.socket.isUnread]).toEqual([0, false]);
    expect(flood.kept.at(-1)).toBe(0);
  });

  it('may have come at any time since the client was not read at once, while it waits and a second after', () => {
    const loop = new Loop();
    const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => frame('a')));
    client(loop, 'acme', () => (loop.nowMs += MESSAGE_MS)).send(chunk);
    const waitsFromMs = loop.nowMs;
    const seen: (number | undefined)[] = [];
    const waiting = client(loop, 'acme', () => seen.push(waiting.socket.unreadFromMs));
    expect(waiting.socket.unreadFromMs).toBeUndefined();
    waiting.send(frame('late'));
    loop.settle();
    waiting.send(frame('behind it'));
    expect(seen).toEqual([waitsFromMs, waitsFromMs]);
    loop.nowMs += CATCH_UP_MS + 1;
    waiting.send(frame('in time'));
    expect(seen.at(-1)).toBeUndefined();
    const pausedMs = loop.nowMs;
    waiting.socket.pause();
    loop.nowMs += 2 * CATCH_UP_MS;
    waiting.socket.resume();
    waiting.send(frame('held'));
    expect(seen.at(-1)).toBe(pausedMs);
  });

  it('is dropped when the bridge cuts the client while it waits', async () => {
    const loop = new Loop();
    const seen: string[] = [];
    client(loop, 'acme', () => (loop.nowMs += MESSAGE_MS)).send(
      Buffer.concat(Array.from({ length: 20_000 }, () => frame('a'))),
    );
    for (const cut of ['reset', 'terminate'] as const) {
      const { send, socket } = client(loop, 'acme', (text) => seen.push(text));
      const closed = new Promise<number>((resolve) => {
        socket.owner = { pinged: noop, ponged: noop, received: noop, closed: resolve };
      });
      send(frame('b'));
      send(Buffer.concat(Array.from({ length: 2_000 }, () => frame('b'))));
      socket[cut]();
      expect(socket.isUnread).toBe(false);
      // It has its turn yet.
      expect(await closed).toBe(1006);
    }
    loop.settle();
    expect(seen).toEqual([]);
  });

  it('keeps no socket from its end whose client hung up before the bridge cut it', async () => {
    const loop = new Loop();
    const chunk = Buffer.concat(Array.from({ length: 20_000 }, () => frame('a')));
    for (const cut of ['reset', 'terminate'] as const) {
      client(loop, 'acme', () => (loop.nowMs += MESSAGE_MS)).send(Buffer.from(chunk));
      const { send, socket, stream } = client(loop, 'acme');
      const closes: number[] = [];
      socket.owner = { pinged: noop, ponged: noop, received: noop, closed: (code) => closes.push(code) };
      send(frame('b'));
      const gone = once(stream, 'close');
      stream.destroy();
      await gone;
      expect(closes).toEqual([]);
      socket[cut]();
      expect(closes).toEqual([1006]);
      loop.settle();
      expect(closes).toEqual([1006]);
    }
  });

  it('costs no count of its own while little of it waits', () => {
    const loop = new Loop();
    const flood = client(loop, 'acme', () => (loop.nowMs += MESSAGE_MS));
    flood.send(Buffer.concat(Array.from({ length: 20_000 }, () => frame('a'))));
    const waiting = client(loop, 'acme');
    waiting.send(frame('b'));
    expect([waiting.kept, waiting.socket.isUnread]).toEqual([[], true]);
    loop.settle();
  });

  it('is not cut within a large frame, whose bytes cost nothing before its end', () => {
    const loop = new Loop();
    const seen: number[] = [];
    const { send, pieces } = client(loop, 'acme', (text) => seen.push(text.length));
    const whole = frame('x'.repeat(200_000));
    for (let at = 0; at < whole.length; at += 65_536) send(whole.subarray(at, at + 65_536));
    loop.settle();
    expect(seen).toEqual([200_000]);
    expect(pieces).toHaveLength(5);
  });

  it('is cut behind a large frame whose end still waits', () => {
    const loop = new Loop();
    const { send, pieces } = client(loop, 'acme');
    const whole = frame('x'.repeat(20_000));
    send(whole.subarray(0, 6_000));
    // Nothing is left of this turn.
    loop.shares.once('acme', () => (loop.nowMs += SLICE_MS));
    send(whole.subarray(6_000));
    send(Buffer.concat(Array.from({ length: 1_000 }, () => frame('small'))));
    loop.settle();
    // The first frame was cut, as no header had been read.
    expect(pieces.slice(0, 4)).toEqual([PIECE_BYTES, 6_000 - PIECE_BYTES, whole.length - 6_000, PIECE_BYTES]);
    expect(Math.max(...pieces.slice(3))).toBe(PIECE_BYTES);
  });

  it.each([
    ['a fault', Buffer.from([0xff, 0x80])],
    ['a close frame', maskedFrame(0x8, Buffer.alloc(0), { fin: true })],
  ])(
    'is not read behind %s that waited with it, and its end is noticed though it was paused',
    async (_, end) => {
      const loop = new Loop();
      const seen: string[] = [];
      const { send, socket, pieces, isRead } = client(loop, 'acme', (text) => seen.push(text));
      // Nothing is left of this turn.
      loop.shares.once('acme', () => (loop.nowMs += SLICE_MS));
      send(end);
      send(frame('behind'));
      socket.pause();
      loop.settle();
      await turn();
      expect([pieces, seen, isRead()]).toEqual([[end.length], [], true]);
      socket.terminate();
    },
  );

  it('is not read from while much waits, whoever resumes it, and is read from once it does not', () => {
    const loop = new Loop();
    const { send, socket, isRead } = client(loop, 'acme');
    const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame('x'.repeat(20))));
    // Nothing is left of this turn.
    loop.shares.once('acme', () => (loop.nowMs += SLICE_MS));
    expect(send(flood)).toBe(false);
    socket.resume();
    expect(isRead()).toBe(false);
    loop.settle();
    expect(isRead()).toBe(true);
  });

  it('is not read from behind what waited where its socket was paused meanwhile', () => {
    const loop = new Loop();
    const { send, socket, isRead } = client(loop, 'acme');
    const flood = Buffer.concat(Array.from({ length: 1_000 }, () => frame('x'.repeat(20))));
    loop.shares.once('acme', () => (loop.nowMs += SLICE_MS));
    send(flood);
    socket.pause();
    loop.settle();
    expect(isRead()).toBe(false);
  });

  it('is not read any further after a fault', () => {
    const loop = new Loop();
    const seen: string[] = [];
    const { send, socket, pieces } = client(loop, 'acme', (text) => seen.push(text));
    const unfounded = maskedFrame(OPCODE_CONTINUATION, Buffer.of(1), { fin: true });
    const more = Array.from({ length: 4_000 }, () => frame('more'));
    send(Buffer.concat([frame('first'), unfounded, ...more]));
    loop.settle();
    expect(socket.readyState).toBe(2);
    expect([seen, pieces]).toEqual([['first'], [PIECE_BYTES]]);
    // Else its timer stays behind.
    socket.terminate();
  });

  it('comes out whole and in order, whatever its chunks and however little time there is', () => {
    const message = fc.string({ maxLength: 3_000, unit: fc.constantFrom('a', 'b') });
    const chunks = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 30 }),
        chunks,
        fc.nat({ max: 3 }),
        (messages, sizes, messageMs) => {
          const loop = new Loop();
          const seen: string[] = [];
          const { send } = client(loop, 'acme', (text) => {
            loop.nowMs += messageMs;
            seen.push(text);
          });
          const bytes = Buffer.concat(messages.map(frame));
          for (let at = 0, index = 0; at < bytes.length; index += 1) {
            const size = sizes[index % sizes.length] ?? 1;
            send(bytes.subarray(at, at + size));
            at += size;
            if (index % 3 === 0) loop.turn();
          }
          loop.settle();
          expect(seen).toEqual(messages);
        },
      ),
    );
  });
});
