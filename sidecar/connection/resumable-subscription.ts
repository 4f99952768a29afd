import type { ControlFrame, GapReason } from '../../protocol/frames';
import type { ChannelState } from '../fanout/channel-state';
import type { Frame } from '../fanout/frame';
import { peerName } from '../fanout/peer-envelope';
import type { Subscribed, Subscription } from './subscription';
import { CatchUp, type CatchingUp } from './catch-up';
import type { Keeps, Standing } from '../sessions/sessions';
import type { Handover } from '../resume/handover/handover';
import type { RouteMetrics } from '../metrics/metrics';
import type { StateOutcome } from '../metrics/outcomes';
import type { StateReader, StateView } from '../states/state-view';
import type { FrameCounter, SendQueue } from '../fanout/send-queue';
import { bridgeOf, OLDEST, type ResumeFrom } from '../resume/resume-point';
import type { ReplayLog, ReplayIdentity, ReplayLogHolder } from '../resume/replay-log';
import type { ReplayLogs } from '../resume/replay-logs';

/** The request of a client of `bridge.v1`. */
export interface ResumableRequest {
  readonly identity: ReplayIdentity;
  readonly from: ResumeFrom;
  /** The AI chat's session, for `bridge.ready`. */
  readonly session: string | undefined;
  /** Whether it has been sent neither a frame nor a state since its stream began. */
  readonly lacksState: boolean;
  /** Where the channel has a state. */
  readonly view: StateView | undefined;
  readonly client: Subscribed;
}

/**
 * The subscription of a client of `bridge.v1` (PROTOCOL.md §5). It sends `bridge.ready`, then the frames that the
 * client missed or the gap that stands for them. Live frames follow, every one counted.
 */
export class ResumableSubscription
  implements Subscription, CatchingUp, FrameCounter, StateReader, ReplayLogHolder
{
  readonly #replayLogs: ReplayLogs;
  readonly #handover: Handover;
  readonly #request: ResumableRequest;
  readonly #metrics: RouteMetrics;
  #log: ReplayLog | undefined;
  #sendQueue: SendQueue | undefined;
  /** Where to begin in the count of the replay log, or why that cannot be. */
  #from: ResumeFrom | GapReason;
  #catchUp: CatchUp | undefined;
  #isCaughtUp = false;
  #owesState = false;
  /** Its session was nobody's: the first frame of its replay log is the stream's. */
  #isBeginning = false;

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

  get keeps(): Keeps {
    const { senderId, history } = this.#request.identity;
    // No bridge need be asked for the frames of a history.
    if (senderId !== undefined || history !== undefined) return 'none';
    return this.#isBeginning || this.#log?.hasAll !== true ? 'some' : 'all';
  }

  async join(standing: Standing | undefined): Promise<void> {
    const { identity, from } = this.#request;
    const isKnown = this.#replayLogs.shared(identity.owner) !== undefined;
    const log = this.#replayLogs.hold(identity, from, this);
    this.#log = log;
    const hasPoint = from !== undefined && from !== OLDEST;
    const isShared = identity.senderId === undefined && identity.history === undefined;
    this.#isBeginning = standing?.isNew === true && !hasPoint && !isKnown && isShared;
    if (this.#isBeginning) log.begin();
    await this.#replayLogs.subscribed(log);
    const brought = this.#replayLogs.bring(log, from);
    if (brought !== undefined) await brought;
    // Most clients are new, and ask for nothing.
    if (from !== undefined) this.#from = await this.#bring(log, standing?.bridges ?? []);
  }

  async forestalled(bridges: readonly string[]): Promise<void> {
    const log = this.#log;
    // On this bridge the other shares its replay log.
    if (log === undefined || !this.#isBeginning || this.#handover.isNotedIn(bridges)) return;
    log.unbegin();
    this.#from = await this.#bring(log, bridges);
  }

  start(sendQueue: SendQueue): void {
    const log = this.#log;
    if (log === undefined) return;
    this.#replayLogs.use(log);
    this.#sendQueue = sendQueue;
    const { from: asked, lacksState } = this.#request;
    const { offset, resumed, reason } = beginningOf(log, asked, this.#from);
    if (asked !== undefined) this.#metrics.resume(reason ?? 'resumed');
    this.#ready(offset, resumed);
    if (reason !== undefined) this.#gap(reason, offset);
    // Frames that follow say all. A client that resumes by its point has what it had.
    const hasState = offset < log.end || (resumed && asked !== OLDEST && !lacksState);
    this.#owesState = !hasState;
    const catchUp = new CatchUp(log, this, sendQueue, offset);
    // Most clients missed nothing.
    if (!this.#isCaughtUp) this.#catchUp = catchUp;
  }

  expired(offset: number): void {
    this.#gap('expired', offset);
  }

  caughtUp(): void {
    this.#isCaughtUp = true;
    this.#catchUp = undefined;
    this.#log?.listen(this);
    if (this.#owesState) this.#askState();
  }

  deliver(frame: Frame, offset: number): void {
    if (frame.reserved) this.#gap('reserved', offset + 1);
    else this.#sendQueue?.data(frame, this, offset);
  }

  slowGap(offset: number): ControlFrame {
    return this.#gapFrame('slow', offset);
  }

  lost(reason: GapReason): void {
    this.#gap(reason, this.#log?.end ?? 0);
    this.#owesState = true;
    // Frames that are still to be sent would be older than the state.
    if (this.#isCaughtUp) this.#askState();
  }

  showState(state: ChannelState): StateOutcome {
    const log = this.#log;
    // The gap that follows is followed by another look.
    if (log === undefined || log.interrupted) return 'unread';
    if (state.frame.reserved) return 'reserved';
    this.#sendQueue?.state(state, this, log.end);
    return 'sent';
  }

  refused(): void {
    this.#request.client.channelRefused();
  }

  leave(): void {
    this.#request.view?.forget();
    if (this.#log === undefined) return;
    // It left before the claim, which alone shows that nobody else's came first. Others may go on with its replay log.
    if (this.#isBeginning && this.#sendQueue === undefined) this.#log.unbegin();
    this.#catchUp?.end();
    this.#log.unlisten(this);
    this.#replayLogs.release(this.#log, this);
  }

  forget(): void {
    this.leave();
    if (this.#log !== undefined) this.#replayLogs.discard(this.#log);
  }

  /** Gets what the client asks for from the bridge that has it. @returns as {@link #from} */
  async #bring(log: ReplayLog, bridges: readonly string[]): Promise<ResumeFrom | GapReason> {
    const { identity, from, session } = this.#request;
    if (from === undefined || log.history !== undefined) return from;
    if (from !== OLDEST && from.epoch === log.epoch) return from;
    const mayLack = identity.senderId === undefined && !log.hasAll;
    const others = mayLack ? this.#handover.othersOf(bridges) : [];
    const [first] = others;
    // The one with the most is first. After a client of another one somebody may come who asks for all.
    const isFromFirst = from === OLDEST || first === bridgeOf(from.epoch);
    if (first !== undefined && isFromFirst) return this.#handover.recall(log, others, from);
    if (first !== undefined) await this.#handover.recall(log, others, OLDEST);
    if (from !== OLDEST) return this.#handover.ask(log, from);
    return session !== undefined && this.#replayLogs.lackOf(identity) === 'expired' ? 'expired' : from;
  }

  #askState(): void {
    this.#request.view?.ask(this);
  }

  #ready(offset: number, resumed: boolean): void {
    const { session, from } = this.#request;
    const { epoch = '', end = 0, senderId } = this.#log ?? {};
    const named = session === undefined ? {} : { session };
    const peer = senderId === undefined ? {} : { peer: peerName(senderId) };
    const past = from === OLDEST ? { live: end } : {};
    const data = { epoch, offset, resumed, ...named, ...peer, ...past };
    this.#sendQueue?.control({ type: 'bridge.ready', data });
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

/** How a connection begins. */
interface Beginning {
  /** The first frame that the client gets has it. */
  readonly offset: number;
  /** Whether it gets all that it asked for. */
  readonly resumed: boolean;
  /** Why a gap stands for frames that it does not get. */
  readonly reason: GapReason | undefined;
}

/** @param from where to begin in the count of `log`, or why that cannot be */
function beginningOf(log: ReplayLog, asked: ResumeFrom, from: ResumeFrom | GapReason): Beginning {
  if (asked === OLDEST)
    return fromOldest(log, typeof from === 'string' && from !== OLDEST ? from : 'unknown');
  if (from === undefined) return { offset: log.end, resumed: false, reason: undefined };
  const reason = typeof from !== 'string' ? log.lack(from) : from === OLDEST ? undefined : from;
  // All that is kept of a history came after a point that is too old.
  if (reason === 'expired' && log.history !== undefined) return { offset: log.start, resumed: false, reason };
  if (typeof from === 'string' || reason !== undefined) return { offset: log.end, resumed: false, reason };
  return { offset: from.offset, resumed: true, reason };
}

/** @param reason why its beginning is not known, where it is not */
function fromOldest(log: ReplayLog, reason: GapReason): Beginning {
  if (log.isWhole) return { offset: log.start, resumed: true, reason: undefined };
  return { offset: log.start, resumed: false, reason: log.isBegun ? 'expired' : reason };
}
