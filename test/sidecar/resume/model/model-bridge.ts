import { pino } from 'pino';
import { deliver, type Receiver } from '../../../../sidecar/fanout/deliver';
import { FlushDelay } from '../../../../sidecar/fanout/flush-delay';
import { FlushScheduler } from '../../../../sidecar/fanout/flush-scheduler';
import { LoopShares } from '../../../../sidecar/lib/loop-shares';
import { TimerWheel } from '../../../../sidecar/lib/timer-wheel';
import { SingleChannels } from '../../../../sidecar/pubsub/single-channels';
import { Handover } from '../../../../sidecar/resume/handover/handover';
import { Markers } from '../../../../sidecar/resume/handover/markers';
import { ReplayLogs } from '../../../../sidecar/resume/replay-logs';
import { RingBudget } from '../../../../sidecar/resume/ring-budget';
import { takeAll } from '../../all-steps';
import { UNPREFIXED } from '../../fixture';
import type { FakeRedis, SubscriberLine } from './fake-redis';

/** How long a replay log lingers, in milliseconds. */
export const LINGER_MS = 1000;
/** How long a handover may take, in milliseconds. */
export const HANDOVER_MS = 500;
/** Frames that a replay log keeps. */
export const RING_FRAMES = 4;
/** Bytes of frames that a replay log keeps. */
export const RING_BYTES = 100;

const KEEPING = { maxItems: RING_FRAMES, maxBytes: RING_BYTES, lingerMs: LINGER_MS };
const TICK_MS = 50;

/** The classes of a bridge that keep frames for those who come back, over a fake Redis and clock. */
export class ModelBridge {
  readonly id: string;
  readonly replayLogs: ReplayLogs;
  readonly handover: Handover;
  readonly scheduler = new FlushScheduler(new FlushDelay(0, () => 0));
  readonly #line: SubscriberLine;
  readonly #subscriptions: SingleChannels<Receiver>;
  readonly #wheel = new TimerWheel(TICK_MS, 64, 0);
  #nowMs = 0;

  constructor(id: string, redis: FakeRedis) {
    this.id = id;
    this.#line = redis.connect();
    this.#subscriptions = new SingleChannels<Receiver>(this.#line);
    const markers = new Markers(() => this.#subscriptions, UNPREFIXED);
    this.replayLogs = new ReplayLogs({
      subscriptions: this.#subscriptions,
      wheel: this.#wheel,
      shares: LoopShares.uncut(),
      monotonicMs: () => this.#nowMs,
      bridgeId: id,
      budget: new RingBudget({ totalBytes: 1e6, tenantBytes: 1e6 }),
      firstOffset: 0,
    });
    const publish = (channel: string, message: string): Promise<number> =>
      Promise.resolve(redis.publish(channel, Buffer.from(message)));
    this.handover = new Handover({
      ...{ bridgeId: id, names: UNPREFIXED, replayLogs: this.replayLogs, markers },
      ...{ inOneOrder: () => true, timeoutMs: HANDOVER_MS, onOutcome: () => undefined },
      shares: LoopShares.uncut(),
      turns: { taken: (_, act) => act(), given: (_, act) => act() },
      log: pino({ enabled: false }),
      store: {
        publish,
        publishMark: (channel, mark) => publish(UNPREFIXED.mark(channel), mark),
        put: (key, value) => {
          redis.put(key, value);
          return Promise.resolve();
        },
        take: (key) => Promise.resolve(redis.take(key)),
      },
    });
    this.#subscriptions.pin(UNPREFIXED.bridge(id), this.handover);
    this.#up();
  }

  /** Whether its subscriptions are made, or being made. */
  get isUp(): boolean {
    return this.#line.isUp;
  }

  get waiting(): number {
    return this.#line.waiting;
  }

  identity(channel: string) {
    const owner = `alice ${channel}`;
    return { tenant: 'acme', owner, channels: [channel], senderId: undefined, keeping: KEEPING };
  }

  hear(count: number): void {
    this.#line.hear(count, (channel, message) => {
      deliver(message, this.#subscriptions.members(channel));
    });
  }

  /** The connection to Redis is lost. */
  lose(): void {
    const { channels } = this.#subscriptions;
    this.#line.cut();
    this.#subscriptions.down();
    takeAll(this.replayLogs.interrupt(channels));
  }

  /** The connection to Redis is back. */
  restore(): void {
    this.#line.isUp = true;
    this.#up();
  }

  /** It is no more: nothing of it is told to anybody. */
  die(): void {
    this.#line.cut();
  }

  wait(ms: number): void {
    this.#nowMs += ms;
    this.#wheel.advance(this.#nowMs);
  }

  #up(): void {
    void this.#subscriptions.up().then((isBack) => {
      if (isBack) this.replayLogs.restore();
    });
  }
}
