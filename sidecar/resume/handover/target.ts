import type { GapReason } from '../../../protocol/frames';
import { DeadlineError, deferred } from '../../lib/promises';
import { unpackFrames, unpackRun } from './frame-codec';
import type { HandoverAnswer, HandoverRequest, KeptAnswer, OldestRequest } from './messages';
import { FrameRun } from '../frame-run';
import { OLDEST, bridgeOf, type ResumePoint } from '../resume-point';
import type { ReplayLog } from '../replay-log';
import type { HandoverContext } from './context';
import { turnInTime } from './turn-in-time';

/** The outcome for a client: where it goes on, or why it is told of a gap. */
type Outcome<From> = From | GapReason;

/** An answer, and where the new bridge's frames begin. */
interface Answered {
  readonly answer: HandoverAnswer;
  readonly cut: Promise<ResumePoint>;
}

/** The questions of one handover. */
interface Questions {
  readonly ids: string[];
  /** @throws DeadlineError once nobody waits for an answer */
  readonly guard: () => void;
}

/** The new bridge's part of a handover. */
export class HandoverTarget {
  readonly #context: HandoverContext;
  readonly #onAnswer = new Map<string, (answer: HandoverAnswer) => void>();
  #count = 0;

  constructor(context: HandoverContext) {
    this.#context = context;
  }

  /** How many answers are waited for. */
  get size(): number {
    return this.#onAnswer.size;
  }

  /** The old bridge's answer. */
  hear(answer: HandoverAnswer): void {
    this.#onAnswer.get(answer.id)?.(answer);
  }

  /** @see Handover.ask */
  async ask(log: ReplayLog, point: ResumePoint): Promise<Outcome<ResumePoint>> {
    const { bridgeId, replayLogs, inOneOrder } = this.#context;
    const from = bridgeOf(point.epoch);
    if (from === undefined) return 'unknown';
    if (from === bridgeId) return replayLogs.lackOf({ owner: log.owner, epoch: point.epoch });
    // One marker cannot stand between the messages of several orders.
    if (!inOneOrder(log.channels)) return 'unknown';
    return this.#inTime(log, (questions) => this.#take(from, log, point, questions));
  }

  /** @see Handover.recall */
  async recall(
    log: ReplayLog,
    bridges: readonly string[],
    from: ResumePoint | typeof OLDEST,
  ): Promise<Outcome<ResumePoint | typeof OLDEST>> {
    if (!this.#context.inOneOrder(log.channels)) return 'unknown';
    return this.#inTime(log, (questions) => this.#search(bridges, log, from, questions));
  }

  /** Counts what comes of it, and ends all that was waited for. */
  async #inTime<From>(
    log: ReplayLog,
    act: (questions: Questions) => Promise<Outcome<From>>,
  ): Promise<Outcome<From>> {
    const { markers, turns, timeoutMs, onOutcome } = this.#context;
    const ids: string[] = [];
    try {
      const outcome = await turnInTime(turns.taken, log.tenant, timeoutMs, (guard) => act({ ids, guard }));
      onOutcome('taken', isGap(outcome) ? outcome : 'done');
      return outcome;
    } catch (error) {
      const isLate = error instanceof DeadlineError;
      onOutcome('taken', isLate ? 'timeout' : 'failed');
      if (isLate) return 'timeout';
      throw error;
    } finally {
      for (const id of ids) {
        this.#onAnswer.delete(id);
        markers.forget(log.channels[0] ?? '', id);
      }
    }
  }

  async #take(
    bridge: string,
    log: ReplayLog,
    from: ResumePoint,
    questions: Questions,
  ): Promise<Outcome<ResumePoint>> {
    const request = { ...this.#request('handover', log), ...from } as const;
    const answered = await this.#question(bridge, log, request, questions);
    if (answered === undefined) return 'unknown';
    const { answer, cut } = answered;
    if (answer.type !== 'handed') return answer.type === 'refused' ? answer.reason : 'unknown';
    const run = await this.#takeRun(log, answer, (packed) => {
      const frames = unpackFrames(packed);
      return frames?.length === answer.count ? FrameRun.of(frames) : undefined;
    });
    return run === undefined ? 'unknown' : log.precede(await cut, run);
  }

  /** Asks one bridge after the other, until one has it. */
  async #search(
    bridges: readonly string[],
    log: ReplayLog,
    from: ResumePoint | typeof OLDEST,
    questions: Questions,
  ): Promise<Outcome<ResumePoint | typeof OLDEST>> {
    let lack: GapReason = 'unknown';
    for (const bridge of bridges) {
      const request = this.#request('oldest', log);
      const answered = await this.#question(bridge, log, request, questions);
      if (lack === 'unknown' && answered?.answer.type === 'refused') lack = answered.answer.reason;
      if (answered?.answer.type !== 'kept') continue;
      const { answer } = answered;
      const run = await this.#takeRun(log, answer, (packed) => unpackRun(packed, answer.count));
      if (run === undefined) continue;
      const cut = await answered.cut;
      log.precede(cut, run, lackOf(answer));
      log.settle();
      return from === OLDEST ? OLDEST : placeIn(cut, from, answer);
    }
    log.settle();
    return lack;
  }

  /** Asks a bridge. @returns undefined when it is gone */
  async #question(
    bridge: string,
    log: ReplayLog,
    request: HandoverRequest | OldestRequest,
    { ids, guard }: Questions,
  ): Promise<Answered | undefined> {
    const { markers, store, names } = this.#context;
    const { id, channel } = request;
    guard();
    const cut = deferred<ResumePoint>();
    const answered = deferred<HandoverAnswer>();
    ids.push(id);
    this.#onAnswer.set(id, answered.resolve);
    await markers.expect(channel, id, ({ senderId }) => {
      cut.resolve(log.cut(senderId));
    });
    const heardBy = await store.publish(names.bridge(bridge), JSON.stringify(request));
    return heardBy === 0 ? undefined : { answer: await answered.promise, cut: cut.promise };
  }

  #request<Type extends string>(type: Type, { owner, channels: [channel = ''] }: ReplayLog) {
    const { bridgeId } = this.#context;
    const id = `${bridgeId}_${(this.#count += 1).toString(36)}`;
    return { type, id, from: bridgeId, owner, channel };
  }

  /** @returns undefined when the frames are not there, or not all of them */
  async #takeRun(
    log: ReplayLog,
    { id }: HandoverAnswer,
    unpack: (packed: Buffer) => FrameRun | undefined,
  ): Promise<FrameRun | undefined> {
    const { store, names, shares } = this.#context;
    const packed = await store.take(names.handover(id));
    return packed === null ? undefined : shares.ask(log.tenant, () => unpack(packed));
  }
}

/** A client's point in the count of the bridge that it comes to, which the old one's ends at `cut` in. */
function placeIn(
  cut: ResumePoint,
  point: ResumePoint,
  { epoch, end, count }: KeptAnswer,
): Outcome<ResumePoint> {
  if (point.epoch !== epoch || point.offset > end) return 'unknown';
  if (point.offset < end - count) return 'expired';
  return { epoch: cut.epoch, offset: cut.offset - (end - point.offset) };
}

/** How many frames of the stream were before those that are kept; undefined when that is not known. */
function lackOf({ beginning, end, count }: KeptAnswer): number | undefined {
  return beginning === undefined ? undefined : end - count - beginning;
}

function isGap(outcome: unknown): outcome is GapReason {
  return typeof outcome === 'string' && outcome !== OLDEST;
}
