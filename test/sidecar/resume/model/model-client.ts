import { CONTROL_FRAME_PREFIX, type ControlFrame } from '../../../../protocol/frames';
import { SendQueue } from '../../../../sidecar/fanout/send-queue';
import { UnsentBudget } from '../../../../sidecar/fanout/unsent-budget';
import { ResumableSubscription } from '../../../../sidecar/connection/resumable-subscription';
import type { RouteMetrics } from '../../../../sidecar/metrics/metrics';
import { OLDEST, type ResumeFrom, type ResumePoint } from '../../../../sidecar/resume/resume-point';
import { StrictReader } from '../../../conformance/strict-reader';
import type { FakeRedis } from './fake-redis';
import type { ModelBridge } from './model-bridge';

/** The bytes that wait for a client before newer frames replace them. */
const BUFFER_BYTES = 16;
const NO_BOUND = new UnsentBudget({ totalBytes: Infinity, tenantBytes: Infinity });
const METRICS = {
  traffic: { messagesReceived: 0, bytesReceived: 0, framesSent: 0, bytesSent: 0 },
  slowConsumer: () => undefined,
  resume: () => undefined,
  gap: () => undefined,
} as unknown as RouteMetrics;

/** The network between a bridge and a client: bytes that the client has not taken. */
class Pipe {
  readonly written: Buffer[] = [];
  writableNeedDrain = false;
  /** Whether the client takes nothing, so that a write finds the kernel's buffer full. */
  isStalled = false;
  #onDrain: (() => void)[] = [];

  get writableLength(): number {
    return this.writableNeedDrain ? 1 : 0;
  }

  write(bytes: Buffer): boolean {
    this.written.push(Buffer.from(bytes));
    this.writableNeedDrain = this.isStalled;
    return !this.isStalled;
  }

  once(_: string, listener: () => void): this {
    this.#onDrain.push(listener);
    return this;
  }

  cork(): void {
    return undefined;
  }

  uncork(): void {
    return undefined;
  }

  take(): readonly Buffer[] {
    this.isStalled = false;
    this.writableNeedDrain = false;
    const bytes = this.written.splice(0);
    for (const listener of this.#onDrain.splice(0)) listener();
    return bytes;
  }
}

interface Connection {
  readonly bridge: ModelBridge;
  readonly from: ResumeFrom;
  readonly subscription: ResumableSubscription;
  readonly pipe: Pipe;
  readonly reader: StrictReader;
  readonly socket: { readyState: 1 | 3; writer: SendQueue | undefined };
  isOpen: boolean;
}

/** The one channel, and how much was published there. */
export interface Session {
  readonly channel: string;
  readonly redis: FakeRedis;
  /** Whether its route has sessions, which are claimed. */
  readonly isClaimed: boolean;
  published: number;
  /** How many frames were published before. */
  claimedAt: number | undefined;
}

/**
 * A client of `bridge.v1` that counts as PROTOCOL.md §5 says. It holds the property: each frame once, in order, or a gap where
 * frames are missing.
 */
export class ModelClient {
  readonly #session: Session;
  #point: ResumePoint | undefined;
  #connection: Connection | undefined;
  #owesGap = false;
  /** The frame that came last. */
  last: number | undefined;
  /** Whether the next frame need not be the one behind the last. */
  #mayJump = true;
  /** The first frame that may be, where all of the stream was promised. */
  #firstAtMost = Infinity;
  /** How the property was broken. */
  readonly faults: string[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  get bridge(): ModelBridge | undefined {
    return this.#connection?.bridge;
  }

  /** Comes to a bridge with its point, or asks for the oldest frame and has forgotten all. */
  async connect(bridge: ModelBridge, asksOldest: boolean): Promise<void> {
    const from: ResumeFrom = asksOldest ? OLDEST : this.#point;
    const { channel, isClaimed } = this.#session;
    const subscription = new ResumableSubscription(
      bridge.replayLogs,
      bridge.handover,
      {
        ...{
          identity: bridge.identity(channel),
          from,
          session: isClaimed ? 's' : undefined,
          lacksState: false,
        },
        ...{ view: undefined, client: { channelRefused: () => undefined } },
      },
      METRICS,
    );
    const pipe = new Pipe();
    const socket: Connection['socket'] = { readyState: 1, writer: undefined };
    const connection = {
      bridge,
      from,
      subscription,
      pipe,
      socket,
      reader: new StrictReader(),
      isOpen: false,
    };
    this.#connection = connection;
    try {
      await this.#establish(connection);
    } catch {
      // It is refused with 503.
      if (this.#connection === connection) this.cut();
      return;
    }
    if (this.#connection !== connection) return;
    connection.isOpen = true;
    subscription.start(this.#queueOf(connection));
  }

  /** @see Reservation.establish */
  async #establish(connection: Connection): Promise<void> {
    const { subscription, bridge } = connection;
    const { redis, isClaimed } = this.#session;
    const standing = isClaimed ? redis.standing : undefined;
    await subscription.join(standing);
    if (this.#connection !== connection || standing === undefined) return;
    const claimed = redis.claim(bridge.id, subscription.keeps === 'all');
    this.#session.claimedAt ??= this.#session.published;
    if (standing.isNew && !claimed.isNew) await subscription.forestalled(claimed.bridges);
  }

  /** The connection ends: what the client has not taken is lost. */
  cut(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.socket.readyState = 3;
    connection.subscription.leave();
  }

  /** From now on the client takes nothing. */
  stall(): void {
    if (this.#connection !== undefined) this.#connection.pipe.isStalled = true;
  }

  /** Takes all that was sent, and what comes when that is taken. */
  take(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    for (let bytes = connection.pipe.take(); bytes.length > 0; bytes = connection.pipe.take()) {
      for (const chunk of bytes)
        for (const { payload } of connection.reader.push(chunk))
          this.#hear(payload.toString(), connection.from);
      connection.bridge.scheduler.end();
    }
  }

  #queueOf({ pipe, socket, bridge }: Connection): SendQueue {
    return new SendQueue(socket, pipe, bridge.scheduler, METRICS, {
      ...{ owner: 'acme', maxBufferBytes: BUFFER_BYTES, slowConsumer: 'latest' },
      openUnsent: () => NO_BOUND.open('acme'),
      onTooSlow: () => {
        this.cut();
      },
    });
  }

  #hear(text: string, from: ResumeFrom): void {
    if (!text.startsWith(CONTROL_FRAME_PREFIX)) {
      this.#frame(Number(text));
      return;
    }
    const frame = JSON.parse(text) as ControlFrame;
    if (frame.type === 'bridge.ready') this.#ready(frame.data, from);
    else if (frame.type === 'bridge.gap') this.#gap(frame.data);
    else this.faults.push(`expected no ${frame.type}`);
  }

  #ready(data: ResumePoint & { readonly resumed: boolean }, from: ResumeFrom): void {
    const { epoch, offset, resumed } = data;
    if (from === OLDEST) {
      this.last = undefined;
      this.#mayJump = true;
      this.#firstAtMost = resumed ? (this.#session.claimedAt ?? 0) : Infinity;
    }
    if (from === undefined) this.#mayJump = true;
    this.#owesGap = from !== undefined && !resumed;
    if (!this.#owesGap) this.#point = { epoch, offset };
  }

  #gap({ epoch, offset }: ResumePoint): void {
    // A bridge that was not told where its client is may be behind the one that it left.
    if (this.#owesGap) this.last = undefined;
    this.#owesGap = false;
    this.#mayJump = true;
    // A promise of the whole stream is one of what follows at once.
    if (this.last === undefined) this.#firstAtMost = Infinity;
    this.#point = { epoch, offset };
  }

  #frame(number: number): void {
    const { last = -1 } = this;
    if (this.#owesGap) this.faults.push(`frame ${number} before the gap that is owed`);
    if (number <= last) this.faults.push(`frame ${number} after ${last}`);
    else if (!this.#mayJump && number !== last + 1)
      this.faults.push(`frame ${number} after ${last}, and no gap`);
    if (number > this.#firstAtMost) this.faults.push(`frame ${number} first, of a stream said to be whole`);
    this.last = number;
    this.#mayJump = false;
    this.#firstAtMost = Infinity;
    if (this.#point !== undefined) this.#point = { ...this.#point, offset: this.#point.offset + 1 };
  }
}
