import { deliver, type Receiver } from '../../../sidecar/fanout/deliver';
import { frameOf, type Frame } from '../../../sidecar/fanout/frame';
import { Histories } from '../../../sidecar/history/histories';
import {
  ANY_HISTORY,
  type AskedFrames,
  type Announcement,
  type HistoryCut,
  type HistoryStore,
} from '../../../sidecar/history/history-store';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { deferred, type Deferred } from '../../../sidecar/lib/promises';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { SubscriptionError, type ChannelRegistry } from '../../../sidecar/pubsub/channel-registry';
import { RedisNames } from '../../../sidecar/redis/names';
import { formatMarker } from '../../../sidecar/resume/handover/messages';
import { Markers } from '../../../sidecar/resume/handover/markers';
import type { ReplayLogHolder } from '../../../sidecar/resume/replay-log';
import { ReplayLogs } from '../../../sidecar/resume/replay-logs';
import type { ResumePoint } from '../../../sidecar/resume/resume-point';
import { RingBudget } from '../../../sidecar/resume/ring-budget';
import { takeAll } from '../all-steps';

export const CHANNEL = 'c';
export const PLACE = {
  route: 'chat',
  channel: CHANNEL,
  key: 'k',
  maxFrames: 1000,
  maxBytes: 10_000,
  keptMs: 600_000,
};
export const BEGUN = '1764240000000000';
export const EPOCH = `h${BEGUN}-0123456789abcdef`;

/** A channel with its history, at a Redis that does each thing at once. */
export class SharedStream {
  readonly bridges = new Set<FarBridge>();
  /** So many frames are kept. */
  kept = Infinity;
  epoch = EPOCH;
  /** Why it cannot be read. */
  refusal: Error | undefined;
  /** Whether its key is there when it is kept for longer. */
  isThere = true;
  /** How often it was read, and kept for longer. */
  readings = 0;
  renewals = 0;
  #frames = 0;
  #bridgeCount = 0;

  newBridgeId(): string {
    this.#bridgeCount += 1;
    return this.#bridgeCount.toString(16).padStart(16, '0');
  }

  get end(): number {
    return this.#frames;
  }

  /** A service's script. */
  append(): void {
    this.#frames += 1;
    this.publish(CHANNEL, `${this.#frames}`);
  }

  /** Redis has lost the last of what it had, as after a failover. */
  forget(count: number): void {
    this.#frames -= count;
  }

  /** As a service does that knows of no history. */
  publish(channel: string, message: string): void {
    for (const bridge of this.bridges) bridge.hear(channel, message);
  }

  /** A bridge's script. */
  read(asked: AskedFrames | undefined, { channel, message }: Announcement): HistoryCut {
    this.readings += 1;
    const end = this.#frames;
    const isAsked = asked?.begun === BEGUN || asked?.begun === ANY_HISTORY;
    const first = Math.max(isAsked ? asked.offset : end, end - this.kept);
    const numbers = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index + 1);
    this.publish(channel, message);
    return {
      epoch: this.epoch,
      end,
      frames: numbers.map((number) => frameOf(Buffer.from(`${number}`), false)),
    };
  }
}

interface Question {
  readonly ask: () => HistoryCut | Error;
  readonly answer: Deferred<HistoryCut | Error>;
  cut: HistoryCut | Error | undefined;
}

/**
 * A bridge far from its Redis. Its questions reach Redis, and answers and messages reach it, when the test lets them, each
 * connection in its order.
 */
export class FarBridge implements ChannelRegistry<Receiver> {
  readonly size = 1;
  readonly outcomes: string[] = [];
  readonly logs: ReplayLogs;
  readonly histories: Histories;
  readonly #wheel = new TimerWheel(250, 512, 0);
  readonly #members = new Map<string, Set<Receiver>>();
  readonly #questions: Question[] = [];
  readonly #incoming: (readonly [channel: string, message: string])[] = [];
  #isLive = true;
  #nowMs = 0;

  constructor(stream: SharedStream) {
    const names = new RedisNames('');
    const bridgeId = stream.newBridgeId();
    const store: HistoryStore = {
      read: (_, asked, announcement) => this.#ask(() => stream.refusal ?? stream.read(asked, announcement)),
      renew: () => {
        stream.renewals += 1;
        return Promise.resolve(stream.isThere);
      },
    };
    this.histories = new Histories({
      store,
      registry: this,
      markers: new Markers(() => this, names),
      markChannel: (channel) => names.mark(channel),
      formatMarker: (id) => formatMarker({ id, senderId: undefined }),
      bridgeId,
      timeoutMs: 60_000,
    });
    this.logs = new ReplayLogs({
      subscriptions: this,
      wheel: this.#wheel,
      shares: LoopShares.uncut(),
      monotonicMs: () => this.#nowMs,
      bridgeId,
      budget: new RingBudget({ totalBytes: 1_000_000, tenantBytes: 1_000_000 }),
      firstOffset: 1_000_000,
      histories: this.histories,
      onHistory: (_, outcome) => void this.outcomes.push(outcome),
    });
    stream.bridges.add(this);
  }

  get isQuiet(): boolean {
    return this.#incoming.length + this.#questions.length + this.histories.size === 0;
  }

  /** How many things are due after a time. */
  get timers(): number {
    return this.#wheel.size;
  }

  /** Time passes for what it does by the clock. */
  wait(ms: number): void {
    this.#nowMs += ms;
    this.#wheel.advance(this.#nowMs);
  }

  /** A message is published on one of its channels. */
  hear(channel: string, message: string): void {
    if (this.#isLive && this.members(channel).size > 0) this.#incoming.push([channel, message]);
  }

  /** The latest message goes before all others. */
  protected overtake(): void {
    const last = this.#incoming.pop();
    if (last !== undefined) this.#incoming.unshift(last);
  }

  /** A question reaches Redis, which answers it. */
  serve(): void {
    const question = this.#questions.find(({ cut }) => cut === undefined);
    if (question !== undefined) question.cut = question.ask();
  }

  /** An answer arrives. */
  answer(): void {
    const [first] = this.#questions;
    if (first?.cut === undefined) return;
    this.#questions.shift();
    first.answer.resolve(first.cut);
  }

  /** A message arrives. */
  arrive(): void {
    const next = this.#incoming.shift();
    if (next !== undefined) deliver(Buffer.from(next[1]), this.#membersOf(next[0]));
  }

  /** The connection of messages is lost with all that is on its way. */
  lose(): void {
    if (!this.#isLive) return;
    this.#isLive = false;
    this.#incoming.length = 0;
    takeAll(this.logs.interrupt(new Set([CHANNEL])));
  }

  /** It is back, with its subscriptions. */
  restore(): void {
    if (this.#isLive) return;
    this.#isLive = true;
    this.logs.restore();
  }

  /** The connection of questions is lost: nothing that was asked is answered. */
  failQuestions(): void {
    for (const { answer } of this.#questions.splice(0)) answer.resolve(new Error('the connection was lost'));
  }

  members(channel: string): ReadonlySet<Receiver> {
    return this.#membersOf(channel);
  }

  pin(): void {
    throw new Error('expected no pin');
  }

  join(channel: string, member: Receiver): Promise<void> {
    if (!this.#isLive) return Promise.reject(new SubscriptionError('away'));
    this.#membersOf(channel).add(member);
    return Promise.resolve();
  }

  leave(channel: string, member: Receiver): void {
    this.#membersOf(channel).delete(member);
  }

  isLive(): boolean {
    return this.#isLive;
  }

  arrived(): Promise<void> {
    throw new Error('expected no PING');
  }

  async #ask(ask: () => HistoryCut | Error): Promise<HistoryCut> {
    const question: Question = { ask, answer: deferred(), cut: undefined };
    this.#questions.push(question);
    const cut = await question.answer.promise;
    if (cut instanceof Error) throw cut;
    return cut;
  }

  #membersOf(channel: string): Set<Receiver> {
    const members = this.#members.get(channel) ?? new Set();
    this.#members.set(channel, members);
    return members;
  }
}

interface Visit extends ReplayLogHolder {
  readonly bridge: FarBridge;
  leave: () => void;
}

/** A client of `bridge.v1`, which keeps its resume point over any number of connections. */
export class Visitor {
  readonly got: number[] = [];
  readonly gaps: string[] = [];
  readonly #owner: string;
  #point: ResumePoint | undefined;
  #visit: Visit | undefined;

  constructor(owner: string, point?: ResumePoint) {
    this.#owner = owner;
    this.#point = point;
  }

  get bridge(): FarBridge | undefined {
    return this.#visit?.bridge;
  }

  get offset(): number | undefined {
    return this.#point?.offset;
  }

  /** Comes to a bridge, from wherever it is. */
  async come(bridge: FarBridge): Promise<void> {
    this.leave();
    const { logs } = bridge;
    const identity = {
      ...{ tenant: 'acme', owner: this.#owner, channels: [CHANNEL], senderId: undefined },
      ...{ history: PLACE, keeping: { maxItems: 1000, maxBytes: 10_000, lingerMs: 1000 } },
    };
    const asked = this.#point;
    const visit: Visit = { bridge, leave: () => undefined };
    this.#visit = visit;
    try {
      const log = logs.hold(identity, asked, visit);
      const listener = {
        deliver: (frame: Frame, offset: number) => {
          this.#hear(frame, offset);
        },
        lost: (reason: string) => {
          this.#begin(log, reason);
        },
      };
      visit.leave = () => {
        log.unlisten(listener);
        logs.release(log, visit);
      };
      await logs.subscribed(log);
      await logs.bring(log, asked);
      if (this.#visit !== visit) return;
      logs.use(log);
      const replay = asked && log.replay(asked);
      if (replay?.kind === 'resumed') {
        for (const [index, frame] of replay.missed.entries()) this.#hear(frame, replay.offset + index);
      } else this.#begin(log, replay?.reason);
      log.listen(listener);
    } catch {
      // Refused: it comes back.
      visit.leave();
      if (this.#visit === visit) this.#visit = undefined;
    }
  }

  leave(): void {
    const visit = this.#visit;
    this.#visit = undefined;
    visit?.leave();
  }

  #begin({ epoch, end: offset }: { readonly epoch: string; readonly end: number }, gap?: string): void {
    this.#point = { epoch, offset };
    if (gap !== undefined) this.gaps.push(gap);
  }

  #hear({ payload }: Frame, offset: number): void {
    if (this.#point === undefined || this.#point.offset !== offset) this.gaps.push(`counted ${offset}`);
    else this.#point = { ...this.#point, offset: offset + 1 };
    this.got.push(Number(payload.toString()));
  }
}

/** Lets all that can settle do so. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
