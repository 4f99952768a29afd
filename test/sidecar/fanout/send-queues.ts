import { WebSocket } from 'ws';
import type { ControlFrame } from '../../../protocol/frames';
import type { FrameStream, UnderlyingSocket } from '../../../sidecar/fanout/client-socket';
import { FlushDelay } from '../../../sidecar/fanout/flush-delay';
import { FlushScheduler } from '../../../sidecar/fanout/flush-scheduler';
import { SendQueue, type SendQueueMetrics } from '../../../sidecar/fanout/send-queue';
import { UnsentBudget } from '../../../sidecar/fanout/unsent-budget';
import { LoopShares, SLICE_MS } from '../../../sidecar/lib/loop-shares';
import type { UnsentBound } from '../../../sidecar/metrics/outcomes';
import type { SlowConsumerPolicy } from '../../../sidecar/routes/route';

/** A stream whose kernel takes so many bytes, and then nothing until {@link drain}. */
export class Stream implements Pick<FrameStream, 'write' | 'cork' | 'uncork'> {
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

  once(event: string, listener: () => void): this {
    if (event === 'drain') this.#onDrain.push(listener);
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

/** A send queue with what is around it. */
export interface Rig {
  readonly sendQueue: SendQueue;
  readonly stream: Stream;
  readonly socket: { -readonly [Key in keyof UnderlyingSocket]: UnderlyingSocket[Key] };
  readonly scheduler: FlushScheduler;
  readonly metrics: SendQueueMetrics;
  readonly actions: readonly string[];
  /** May be told something else than to close the socket. */
  readonly policy: { onTooSlow: () => void };
  readonly close: () => void;
  readonly closings: () => number;
}

/** A turn whose loop has time for one step at a look, and none before it. */
export class BusyLoop {
  #nowMs = 0;
  readonly #later: (() => void)[] = [];
  readonly scheduler: FlushScheduler;

  constructor() {
    const shares = new LoopShares({
      nowMs: () => (this.#nowMs += SLICE_MS),
      later: (run) => this.#later.push(run),
    });
    shares.once('other', () => undefined);
    this.scheduler = new FlushScheduler(new FlushDelay(0, () => 0), undefined, shares, () => this.#nowMs);
  }

  /** Ends the turn, and lets the loop go round once. */
  goRound(): void {
    this.scheduler.end();
    for (const run of this.#later.splice(0)) run();
  }

  /** Goes round until nothing can be left to do. */
  settle(): void {
    for (let round = 0; round < ROUNDS; round += 1) this.goRound();
  }
}

export const ROUNDS = 300;
export const NO_BOUND = { totalBytes: Infinity, tenantBytes: Infinity };

export function rig(
  slowConsumer: SlowConsumerPolicy,
  maxBufferBytes: number,
  room: number,
  scheduler = new FlushScheduler(new FlushDelay(0, () => 0)),
  budget = new UnsentBudget(NO_BOUND),
  tenant = 'acme',
): Rig {
  const stream = new Stream(room);
  const socket: Rig['socket'] = { readyState: WebSocket.OPEN, writer: undefined };
  const traffic = { messagesReceived: 0, bytesReceived: 0, framesSent: 0, bytesSent: 0 };
  const actions: string[] = [];
  const metrics = {
    traffic,
    slowConsumer: (action: string, bound: UnsentBound) => void actions.push(`${action}: ${bound}`),
  };
  let closings = 0;
  const close = (): void => {
    socket.writer?.beforeClose();
    socket.readyState = WebSocket.CLOSING;
    closings += 1;
  };
  const policy = {
    owner: tenant,
    maxBufferBytes,
    slowConsumer,
    openUnsent: () => budget.open(tenant),
    onTooSlow: close,
  };
  const sendQueue = new SendQueue(socket, stream, scheduler, metrics, policy);
  return { sendQueue, stream, socket, scheduler, metrics, actions, policy, close, closings: () => closings };
}

/** A client that counts its frames. */
export const counter = {
  slowGap: (offset: number): ControlFrame => ({
    type: 'bridge.gap',
    data: { reason: 'slow', epoch: 'e', offset },
  }),
};
