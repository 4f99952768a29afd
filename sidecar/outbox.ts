import { WebSocket } from 'ws';
import type { ControlFrame } from '../protocol/frames';
import { Backlog } from './backlog';
import type { Batch } from './batch';
import type { FrameStream, UnderlyingSocket } from './bridge-socket';
import type { Frame } from './frame';
import type { Owner } from './loop-shares';
import type { RouteMetrics } from './metrics';
import { outgoingText, type Outgoing } from './outgoing';
import type { SlowConsumerPolicy } from './routes';
import type { Run } from './run';
import type { Turn, Waiting } from './turn';

/** What an outbox does about a client that does not take its frames. */
export interface OutboxPolicy {
  /** Whose writes they are: those of one owner hold up no other's. */
  readonly owner: Owner;
  /** Of what waits for the client; past that it is too slow. */
  readonly maxBufferBytes: number;
  readonly slowConsumer: SlowConsumerPolicy;
  /** Called when what waits is more than that and cannot be replaced; nothing more is sent. */
  readonly onTooSlow: () => void;
}

/** What an outbox counts. */
export type OutboxMetrics = Pick<RouteMetrics, 'traffic' | 'slowConsumer'>;

/** Who counts a client's data frames, and so can say that some were left out. */
export interface FrameCounter {
  /** `bridge.gap` with reason `slow`, for a client that goes on at `offset`. */
  slowGap(offset: number): ControlFrame;
}

/**
 * What goes out on one socket, in order: one write a turn with all that came in it, and no more once the kernel
 * takes no more. What waits then is bounded by the limit, one message and one write. After the socket has begun to
 * close nothing is sent.
 */
export class Outbox implements Waiting {
  readonly #socket: UnderlyingSocket;
  readonly #stream: FrameStream;
  readonly #turn: Turn;
  readonly #metrics: OutboxMetrics;
  readonly #policy: OutboxPolicy;
  /** What came in this turn. */
  #run: Run | undefined;
  /** What came since the stream takes no more. */
  #backlog: Backlog | undefined;
  #isSealed = false;

  constructor(
    socket: UnderlyingSocket,
    stream: FrameStream,
    turn: Turn,
    metrics: OutboxMetrics,
    policy: OutboxPolicy,
  ) {
    this.#socket = socket;
    this.#stream = stream;
    this.#turn = turn;
    this.#metrics = metrics;
    this.#policy = policy;
    socket.beforeClose = () => {
      this.#finish();
    };
  }

  /**
   * Sends a data frame.
   * @param counter of a client that is told of gaps, which knows the frame by its `offset`
   */
  data(frame: Frame, counter?: FrameCounter, offset = 0): void {
    if (!this.#isOpen) return;
    if (this.#isOverfull && !this.#replace(counter, offset)) return;
    this.#add(frame);
  }

  /** Sends a control frame of `bridge.v1`. */
  control(frame: ControlFrame): void {
    this.#own(outgoingText(JSON.stringify(frame), frame.type === 'bridge.gap' ? 'gap' : 'note'));
  }

  /** Sends a text message that is no data frame. */
  text(message: string): void {
    this.#own(outgoingText(message, 'note'));
  }

  /** Nothing more is sent but what waits now, before the close frame: the socket is to close as soon as there is time for it. */
  seal(): void {
    this.#isSealed = true;
  }

  /** Forgets what waits. */
  discard(): void {
    this.#run = undefined;
    this.#backlog = undefined;
  }

  flush(): number {
    if (this.#isSealed) return 0;
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined || !this.#isOpen) return 0;
    for (const batch of run.batches) {
      if (this.#backlog === undefined && !this.#stream.writableNeedDrain) this.#write(batch);
      else for (const item of batch.items) this.#waitForDrain().push(item);
    }
    return run.bytes;
  }

  get owner(): Owner {
    return this.#policy.owner;
  }

  get #isOpen(): boolean {
    return !this.#isSealed && this.#socket.readyState === WebSocket.OPEN;
  }

  /** Whether more than the limit waits for the client. What only waits for the turn's end does not count. */
  get #isOverfull(): boolean {
    const { maxBufferBytes } = this.#policy;
    if (this.#run !== undefined && this.#run.bytes > maxBufferBytes) this.flush();
    return this.#stream.writableLength + (this.#backlog?.bytes ?? 0) > maxBufferBytes;
  }

  #own(message: Outgoing): void {
    if (!this.#isOpen) return;
    if (this.#isOverfull && !this.#tolerates(message)) return;
    this.#add(message);
  }

  #add(item: Outgoing): void {
    if (this.#backlog !== undefined) this.#backlog.push(item);
    else this.#run = (this.#run ?? this.#turn.join(this)).with(item);
  }

  /** Makes room for a newer frame by leaving out those that wait. @returns whether it may be sent */
  #replace(counter: FrameCounter | undefined, offset: number): boolean {
    if (this.#policy.slowConsumer === 'close') return this.#tooSlow();
    const backlog = this.#backlog;
    if (backlog === undefined || backlog.frames === 0) return true;
    this.#metrics.slowConsumer('replaced');
    const gap = counter?.slowGap(offset);
    backlog.leaveOut(gap === undefined ? undefined : outgoingText(JSON.stringify(gap), 'gap'));
    return true;
  }

  /** Whether one more message of the bridge's own may wait: data can make room later, they cannot. */
  #tolerates({ wire }: Outgoing): boolean {
    const waiting = (this.#backlog?.noteBytes ?? 0) + wire.length;
    if (this.#policy.slowConsumer === 'latest' && waiting <= this.#policy.maxBufferBytes) return true;
    return this.#tooSlow();
  }

  #tooSlow(): false {
    this.#metrics.slowConsumer('closed');
    this.#policy.onTooSlow();
    return false;
  }

  #waitForDrain(): Backlog {
    if (this.#backlog !== undefined) return this.#backlog;
    this.#backlog = new Backlog();
    this.#stream.once('drain', () => {
      this.#drained();
    });
    return this.#backlog;
  }

  #drained(): void {
    if (this.#isSealed) return;
    const backlog = this.#backlog;
    this.#backlog = undefined;
    if (backlog === undefined || !this.#isOpen) return;
    while (!backlog.isEmpty && !this.#stream.writableNeedDrain) this.#write(backlog.take());
    if (backlog.isEmpty) return;
    this.#backlog = backlog;
    this.#stream.once('drain', () => {
      this.#drained();
    });
  }

  /** The socket is about to close: what waits goes before the close frame. */
  #finish(): void {
    this.#stream.cork();
    const backlog = this.#backlog;
    this.#backlog = undefined;
    while (backlog?.isEmpty === false) this.#write(backlog.take());
    for (const batch of this.#run?.batches ?? []) this.#write(batch);
    this.#run = undefined;
    this.#stream.uncork();
  }

  #write({ wire, frames, payloadBytes }: Batch): void {
    this.#stream.write(wire);
    const { traffic } = this.#metrics;
    traffic.framesSent += frames;
    traffic.bytesSent += payloadBytes;
  }
}
