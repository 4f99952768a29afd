import { WebSocket } from 'ws';
import type { ControlFrame } from '../../protocol/frames';
import { BackpressureQueue } from './backpressure-queue';
import { batchOf, type WriteBatch } from './write-batch';
import type { FrameStream, SocketWriter, UnderlyingSocket } from './client-socket';
import type { ChannelState } from './channel-state';
import { type Frame, outgoingText, type Outgoing } from './frame';
import { HeldBack } from './held-back';
import type { Owner } from '../lib/loop-shares';
import type { RouteMetrics } from '../metrics/metrics';
import type { SlowConsumerPolicy } from '../routes/route';
import type { FrameList } from './frame-list';
import type { FlushScheduler, Waiting } from './flush-scheduler';
import type { Unsent } from './unsent-budget';
import type { UnsentBound } from '../metrics/outcomes';

/** A send queue's policy for a client that does not take its frames. A connection is its own: an object apart would be one more a socket. */
export interface SendQueuePolicy {
  /** Whose writes they are: those of one owner hold up no other's. */
  readonly owner: Owner;
  /** The most bytes that may wait for the client; past that it is too slow. */
  readonly maxBufferBytes: number;
  readonly slowConsumer: SlowConsumerPolicy;
  /** Makes the count of what waits for the client beside that of all others; asked once something waits. */
  openUnsent(): Unsent;
  /** Called when what waits is more than that and cannot be replaced; nothing more is sent. */
  onTooSlow(): void;
}

/** The counters of a send queue. */
export type SendQueueMetrics = Pick<RouteMetrics, 'traffic' | 'slowConsumer'>;

/** Who counts a client's data frames, and so can say that some were left out. */
export interface FrameCounter {
  /** `bridge.gap` with reason `slow`, for a client that goes on at `offset`. */
  slowGap(offset: number): ControlFrame;
}

/** A message that is held back, with what a client would be told that it is left out for. */
interface Held {
  readonly item: Outgoing;
  readonly counter: FrameCounter | undefined;
  readonly offset: number;
}

/**
 * Sends the frames of one socket, in order. It makes one write a flush with all frames that came since the last, and
 * none once the kernel takes no more. The frames that wait then are bounded by the limit, one message and one write.
 * Frames over the limit only because the loop had no time yet are held back. Whether the client is too slow shows when
 * the write comes. After the socket has begun to close nothing is sent.
 */
export class SendQueue implements Waiting, SocketWriter {
  readonly #socket: UnderlyingSocket;
  readonly #stream: FrameStream;
  readonly #scheduler: FlushScheduler;
  readonly #metrics: SendQueueMetrics;
  readonly #policy: SendQueuePolicy;
  /** The frames that came since the last flush. */
  #run: FrameList | undefined;
  /** The frames that came since the stream takes no more. */
  #backpressure: BackpressureQueue | undefined;
  /** The frames that came since more than the limit waits for the loop's time. */
  #held: HeldBack<Held> | undefined;
  /** Made when the stream took no more for the first time. */
  #unsent: Unsent | undefined;
  /** The stream takes more, and what waits for it waits for the loop's time. */
  #isDrained = false;
  #isSealed = false;

  constructor(
    socket: UnderlyingSocket,
    stream: FrameStream,
    scheduler: FlushScheduler,
    metrics: SendQueueMetrics,
    policy: SendQueuePolicy,
  ) {
    this.#socket = socket;
    this.#stream = stream;
    this.#scheduler = scheduler;
    this.#metrics = metrics;
    this.#policy = policy;
    socket.writer = this;
  }

  /**
   * Sends a data frame.
   * @param counter of a client that is told of gaps, which knows the frame by its `offset`
   */
  data(frame: Frame, counter?: FrameCounter, offset = 0): void {
    this.#send(frame, counter, offset);
  }

  /** Sends a control frame of `bridge.v1`. */
  control(frame: ControlFrame): void {
    this.#send(outgoingText(JSON.stringify(frame), frame.type === 'bridge.gap' ? 'gap' : 'note'));
  }

  /**
   * Sends a state to a client that counts its data frames.
   * @param offset of the frame that comes next
   */
  state({ control }: ChannelState, counter: FrameCounter, offset: number): void {
    this.#send(control, counter, offset);
  }

  /** Sends a text message that is no data frame. */
  text(message: string): void {
    this.#send(outgoingText(message, 'note'));
  }

  /**
   * Writes what waits. Calls back when its owner has a share of the loop's time and nothing waits for the client to take more; never
   * once the socket ends.
   */
  flushed(callBack: () => void): void {
    this.flush();
    const again = (): void => {
      this.#scheduler.once(this.owner, () => {
        if (!this.#isOpen) return;
        if (this.#backpressure === undefined && this.#held === undefined) callBack();
        else this.flushed(callBack);
      });
    };
    if (this.#backpressure === undefined) again();
    else this.#stream.once('drain', again);
  }

  /** Nothing more is sent but what waits now, before the close frame: the socket is to close as soon as there is time for it. */
  seal(): void {
    this.#isSealed = true;
  }

  /** Forgets what waits. */
  discard(): void {
    this.#run = undefined;
    this.#backpressure = undefined;
    this.#held?.clear();
    this.#held = undefined;
    this.#unsent?.set(0);
  }

  /** Writes what came first: not more than the limit and one message. */
  flush(): void {
    if (this.#isSealed) return;
    const run = this.#run;
    this.#run = undefined;
    if (!this.#isOpen) return;
    for (const batch of run?.batches ?? []) {
      if (!this.#stream.writableNeedDrain) this.#write(batch);
      else for (const item of batch.items) this.#waitForDrain().push(item);
    }
    if (this.#isStreamFull) {
      this.#waitForDrain();
      this.#count();
    }
    this.#judgeHeld();
  }

  get bytes(): number {
    return this.#run?.bytes ?? 0;
  }

  get owner(): Owner {
    return this.#policy.owner;
  }

  get #isOpen(): boolean {
    return !this.#isSealed && this.#socket.readyState === WebSocket.OPEN;
  }

  /** Whether more than the limit waits for the client. Frames that only wait for the flush do not count. */
  get #isOverfull(): boolean {
    return this.#unsentBytes > this.#policy.maxBufferBytes || this.#unsent?.over !== undefined;
  }

  /** Whether the kernel took no more; what it takes at once only fills the stream for this moment. */
  get #isStreamFull(): boolean {
    return this.#stream.writableNeedDrain && this.#stream.writableLength > 0;
  }

  get #unsentBytes(): number {
    return this.#stream.writableLength + (this.#backpressure?.bytes ?? 0);
  }

  get #bound(): UnsentBound {
    return this.#unsentBytes > this.#policy.maxBufferBytes ? 'socket' : (this.#unsent?.over ?? 'socket');
  }

  /** Notes what waits for the client: only while its stream takes no more, so that one that keeps up costs nothing. */
  #count(): void {
    this.#unsent ??= this.#policy.openUnsent();
    this.#unsent.set(this.#unsentBytes);
  }

  get #isHolding(): boolean {
    return this.#held !== undefined && this.#isOpen;
  }

  /** Whether more than the limit waits, and not for the client. */
  get #isBehind(): boolean {
    if (this.#run !== undefined) return this.#run.bytes > this.#policy.maxBufferBytes;
    return this.#isDrained && this.#isOverfull;
  }

  #send(item: Outgoing, counter?: FrameCounter, offset = 0): void {
    if (!this.#isOpen) return;
    if (this.#held === undefined && !this.#isBehind) this.#judge(item, counter, offset);
    else this.#hold({ item, counter, offset });
  }

  #hold(held: Held): void {
    const { heldCount } = this.#scheduler;
    this.#held ??= new HeldBack(heldCount);
    this.#held.push(held);
    while (heldCount.isFull && this.#isHolding) this.#catchUp();
  }

  #catchUp(): void {
    if (this.#isDrained) this.#drained();
    else this.flush();
  }

  /** Takes in what was held back, until there is enough to be written again. With what is too much for its client it stays. */
  #judgeHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    while (!held.isEmpty && !this.#isBehind) {
      const { first } = held;
      if (first !== undefined) this.#judge(first.item, first.counter, first.offset);
      if (!this.#isOpen) return;
      held.take();
    }
    if (held.isEmpty) this.#held = undefined;
  }

  #judge(item: Outgoing, counter: FrameCounter | undefined, offset: number): void {
    if (this.#isOverfull && !this.#admits(item, counter, offset)) return;
    if (this.#backpressure !== undefined) {
      this.#backpressure.push(item);
      this.#count();
    } else this.#run = (this.#run ?? this.#scheduler.join(this)).with(item);
  }

  #admits(item: Outgoing, counter: FrameCounter | undefined, offset: number): boolean {
    const saysAll = item.kind === 'data' || item.kind === 'state';
    return saysAll ? this.#replace(counter, offset) : this.#tolerates(item);
  }

  /** Makes room for a newer frame by leaving out those that wait. @returns whether it may be sent */
  #replace(counter: FrameCounter | undefined, offset: number): boolean {
    if (this.#policy.slowConsumer === 'close') return this.#tooSlow();
    const backpressure = this.#backpressure;
    if (backpressure === undefined || backpressure.frames === 0) return true;
    this.#metrics.slowConsumer('replaced', this.#bound);
    const gap = counter?.slowGap(offset);
    backpressure.leaveOut(gap === undefined ? undefined : outgoingText(JSON.stringify(gap), 'gap'));
    return true;
  }

  /** Whether one more message of the bridge's own may wait: data can make room later, they cannot. */
  #tolerates({ wire }: Outgoing): boolean {
    const waiting = (this.#backpressure?.noteBytes ?? 0) + wire.length;
    if (this.#policy.slowConsumer === 'latest' && waiting <= this.#policy.maxBufferBytes) return true;
    return this.#tooSlow();
  }

  #tooSlow(): false {
    const bound = this.#bound;
    this.#metrics.slowConsumer('closed', bound);
    // Bytes that are to be freed are not written to a client that does not read.
    if (bound !== 'socket') this.discard();
    this.#policy.onTooSlow();
    return false;
  }

  #waitForDrain(): BackpressureQueue {
    if (this.#backpressure !== undefined) return this.#backpressure;
    this.#backpressure = new BackpressureQueue();
    this.#awaitDrain();
    return this.#backpressure;
  }

  /** A thousand sockets may be ready at once. */
  #awaitDrain(): void {
    this.#stream.once('drain', () => {
      this.#isDrained = true;
      this.#scheduler.once(this.owner, () => {
        this.#drained();
      });
    });
  }

  #drained(): void {
    if (this.#isSealed || !this.#isDrained) return;
    this.#isDrained = false;
    const backpressure = this.#backpressure;
    this.#backpressure = undefined;
    if (backpressure === undefined || !this.#isOpen) return;
    while (!backpressure.isEmpty && !this.#stream.writableNeedDrain) this.#write(backpressure.take());
    if (!backpressure.isEmpty || this.#isStreamFull) {
      this.#backpressure = backpressure;
      this.#awaitDrain();
    }
    this.#unsent?.set(this.#unsentBytes);
    this.#judgeHeld();
  }

  /** Frames that wait go before the close frame. */
  beforeClose(): void {
    this.#stream.cork();
    const backpressure = this.#backpressure;
    this.#backpressure = undefined;
    while (backpressure?.isEmpty === false) this.#write(backpressure.take());
    for (const batch of this.#run?.batches ?? []) this.#write(batch);
    this.#run = undefined;
    for (let held = this.#held?.take(); held !== undefined; held = this.#held?.take()) {
      this.#write(batchOf([held.item]));
    }
    this.#held = undefined;
    this.#stream.uncork();
  }

  #write({ wire, frames, payloadBytes }: WriteBatch): void {
    this.#stream.write(wire);
    const { traffic } = this.#metrics;
    traffic.framesSent += frames;
    traffic.bytesSent += payloadBytes;
  }
}
