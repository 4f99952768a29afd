import type { ControlFrame, GapReason } from '../../protocol/frames';
import type { ChannelState } from '../fanout/channel-state';
import type { Frame } from '../fanout/frame';
import type { Subscription } from './subscription';
import type { Handover } from '../resume/handover/handover';
import type { RouteMetrics } from '../metrics/metrics';
import type { StateOutcome } from '../metrics/outcomes';
import type { StateView } from '../states/state-view';
import type { FrameCounter, SendQueue } from '../fanout/send-queue';
import type { Beginning, ResumePoint } from '../resume/resume-point';
import type { ReplayLog, ReplayIdentity, ReplayListener } from '../resume/replay-log';
import type { ReplayLogs } from '../resume/replay-logs';

/** The request of a client of `bridge.v1`. */
export interface ResumableRequest {
  readonly identity: ReplayIdentity;
  readonly point: ResumePoint | undefined;
  /** The AI chat's session, for `bridge.ready`. */
  readonly session: string | undefined;
  /** Whether it has been sent neither a frame nor a state since its stream began. */
  readonly lacksState: boolean;
  /** Where the channel has a state. */
  readonly view: StateView | undefined;
  /** Told when Redis does not allow one of the channels any longer. */
  readonly onRefused: () => void;
}

/**
 * The subscription of a client of `bridge.v1` (PROTOCOL.md §5). It sends `bridge.ready`, then the frames that the
 * client missed or the gap that stands for them. Live frames follow, every one counted.
 */
export class ResumableSubscription implements Subscription, ReplayListener, FrameCounter {
  readonly #replayLogs: ReplayLogs;
  readonly #handover: Handover;
  readonly #request: ResumableRequest;
  readonly #metrics: RouteMetrics;
  #log: ReplayLog | undefined;
  #sendQueue: SendQueue | undefined;
  /** Where to begin in the count of the replay log, or why that cannot be. */
  #point: ResumePoint | GapReason | undefined;

  constructor(replayLogs: ReplayLogs, handover: Handover, request: ResumableRequest, metrics: RouteMetrics) {
    this.#replayLogs = replayLogs;
    this.#handover = handover;
    this.#request = request;
    this.#metrics = metrics;
  }

  /** A client that resumes goes on under the sender id it had. */
  get senderId(): Buffer | undefined {
    return this.#log?.senderId;
  }

  readonly heardAtMs = undefined;

  echo(): void {
    // Its client's own messages are not in its replay log, and would be counted there.
  }

  async join(): Promise<void> {
    const { identity, point } = this.#request;
    this.#log = this.#replayLogs.hold(identity, point, this);
    await this.#replayLogs.subscribed(this.#log);
    const isElsewhere = point !== undefined && point.epoch !== this.#log.epoch;
    this.#point = isElsewhere ? await this.#handover.ask(this.#log, point) : point;
  }

  start(sendQueue: SendQueue): void {
    const log = this.#log;
    if (log === undefined) return;
    this.#replayLogs.use(log);
    this.#sendQueue = sendQueue;
    const beginning = beginningOf(log, this.#point);
    switch (beginning.kind) {
      case 'fresh':
        this.#ready(log.end, false);
        break;
      case 'gap':
        this.#metrics.resume(beginning.reason);
        this.#ready(log.end, false);
        this.#gap(beginning.reason, log.end);
        break;
      case 'resumed':
        this.#metrics.resume('resumed');
        this.#ready(beginning.offset, true);
        for (const [index, frame] of beginning.missed.entries())
          this.deliver(frame, beginning.offset + index);
    }
    log.listen(this);
    if (this.#lacksState(beginning)) this.#askState();
  }

  deliver(frame: Frame, offset: number): void {
    if (frame.reserved) this.#gap('reserved', offset + 1);
    else this.#sendQueue?.data(frame, this, offset);
  }

  slowGap(offset: number): ControlFrame {
    return this.#gapFrame('slow', offset);
  }

  lost(): void {
    this.#gap('redis', this.#log?.end ?? 0);
    this.#askState();
  }

  refused(): void {
    this.#request.onRefused();
  }

  leave(): void {
    this.#request.view?.forget();
    if (this.#log === undefined) return;
    this.#log.unlisten(this);
    this.#replayLogs.release(this.#log, this);
  }

  forget(): void {
    this.leave();
    if (this.#log !== undefined) this.#replayLogs.discard(this.#log);
  }

  /** A client that resumes has what it had, and frames that it missed say all. */
  #lacksState(beginning: Beginning<Frame>): boolean {
    return beginning.kind !== 'resumed' || (this.#request.lacksState && beginning.missed.length === 0);
  }

  #askState(): void {
    this.#request.view?.ask((state) => this.#show(state));
  }

  #show(state: ChannelState): StateOutcome {
    const log = this.#log;
    // The gap that follows is followed by another look.
    if (log === undefined || log.interrupted) return 'unread';
    if (state.frame.reserved) return 'reserved';
    this.#sendQueue?.state(state, this, log.end);
    return 'sent';
  }

  #ready(offset: number, resumed: boolean): void {
    const { session } = this.#request;
    const epoch = this.#log?.epoch ?? '';
    const named = session === undefined ? {} : { session };
    this.#sendQueue?.control({ type: 'bridge.ready', data: { epoch, offset, resumed, ...named } });
  }

  #gap(reason: GapReason, offset: number): void {
    this.#sendQueue?.control(this.#gapFrame(reason, offset));
  }

  #gapFrame(reason: GapReason, offset: number): ControlFrame {
    const epoch = this.#log?.epoch ?? '';
    this.#metrics.gap(reason);
    return { type: 'bridge.gap', data: { reason, epoch, offset } };
  }
}

function beginningOf(log: ReplayLog, point: ResumePoint | GapReason | undefined): Beginning<Frame> {
  if (point === undefined) return { kind: 'fresh' };
  return typeof point === 'string' ? { kind: 'gap', reason: point } : log.replay(point);
}
