import type { GapReason } from '../../../protocol/frames';
import { DeadlineError, withDeadline, deferred } from '../../lib/promises';
import { unpackFrames } from './frame-codec';
import type { HandoverAnswer, HandoverRequest } from './messages';
import { type ResumePoint, bridgeOf } from '../resume-point';
import type { ReplayLog } from '../replay-log';
import type { HandoverContext } from './context';

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
  async ask(log: ReplayLog, point: ResumePoint): Promise<ResumePoint | GapReason> {
    const { bridgeId, inOneOrder, onOutcome } = this.#context;
    const from = bridgeOf(point.epoch);
    if (from === undefined || from === bridgeId) return 'unknown';
    // One marker cannot stand between the messages of several orders.
    if (!inOneOrder(log.channels)) return 'unknown';
    try {
      const outcome = await this.#askBridge(from, log, point);
      onOutcome('taken', typeof outcome === 'string' ? outcome : 'done');
      return outcome;
    } catch (error) {
      onOutcome('taken', 'failed');
      throw error;
    }
  }

  async #askBridge(from: string, log: ReplayLog, point: ResumePoint): Promise<ResumePoint | GapReason> {
    const { bridgeId, markers, timeoutMs } = this.#context;
    const [channel = ''] = log.channels;
    const id = `${bridgeId}_${(this.#count += 1).toString(36)}`;
    const request = { type: 'handover', id, from: bridgeId, ...point, owner: log.owner, channel } as const;
    try {
      return await withDeadline(this.#take(from, log, request), timeoutMs);
    } catch (error) {
      if (error instanceof DeadlineError) return 'timeout';
      throw error;
    } finally {
      this.#onAnswer.delete(id);
      markers.forget(channel, id);
    }
  }

  async #take(from: string, log: ReplayLog, request: HandoverRequest): Promise<ResumePoint | GapReason> {
    const { markers, store, names } = this.#context;
    const { id, channel } = request;
    const cut = deferred<ResumePoint>();
    const answered = deferred<HandoverAnswer>();
    this.#onAnswer.set(id, answered.resolve);
    await markers.expect(channel, id, ({ senderId }) => {
      cut.resolve(log.cut(senderId));
    });
    const heardBy = await store.publish(names.bridge(from), JSON.stringify(request));
    if (heardBy === 0) return 'unknown';
    const answer = await answered.promise;
    if (answer.type === 'refused') return answer.reason;
    const packed = await store.take(names.handover(id));
    const frames = packed === null ? undefined : unpackFrames(packed);
    if (frames?.length !== answer.count) return 'unknown';
    return log.precede(await cut.promise, frames);
  }
}
