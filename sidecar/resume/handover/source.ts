import { DeadlineError, withDeadline, deferred } from '../../lib/promises';
import { packFrames } from './frame-codec';
import { formatMarker, type HandoverAnswer, type HandoverRequest } from './messages';
import type { Frame } from '../../fanout/frame';
import type { Gap, Replay } from '../resume-point';
import type { ReplayLog } from '../replay-log';
import type { HandoverContext } from './context';

type Cut = Replay<Frame> | Gap<'unknown' | 'expired'>;

/** So many times the timeout the frames are kept for the bridge that asked. */
const KEPT_TIMEOUTS = 5;

/** The old bridge's part of a handover. */
export class HandoverSource {
  readonly #context: HandoverContext;
  #size = 0;

  constructor(context: HandoverContext) {
    this.#context = context;
  }

  /** How many are being given. */
  get size(): number {
    return this.#size;
  }

  /** Answers a request. Never rejects: the bridge that asked has a deadline of its own. */
  async give(request: HandoverRequest): Promise<void> {
    const { store, names, onOutcome, log } = this.#context;
    this.#size += 1;
    try {
      const answer = await this.#answer(request);
      onOutcome('given', answer.type === 'handed' ? 'done' : answer.reason);
      await store.publish(names.bridge(request.from), JSON.stringify(answer));
    } catch (error) {
      onOutcome('given', error instanceof DeadlineError ? 'timeout' : 'failed');
      log.warn({ err: error, to: request.from }, 'handover failed');
    } finally {
      this.#size -= 1;
    }
  }

  async #answer(request: HandoverRequest): Promise<HandoverAnswer> {
    const { replayLogs, markers, timeoutMs } = this.#context;
    const { id, channel } = request;
    const log = replayLogs.find(request);
    if (log?.channels[0] !== channel) return { type: 'refused', id, reason: 'unknown' };
    // Were it given up before the cut, frames would be missing that nobody counts.
    replayLogs.keep(log, request);
    try {
      return await withDeadline(this.#hand(log, request), timeoutMs);
    } finally {
      replayLogs.release(log, request);
      markers.forget(channel, id);
    }
  }

  async #hand(log: ReplayLog, request: HandoverRequest): Promise<HandoverAnswer> {
    const { store, names, timeoutMs } = this.#context;
    const { id } = request;
    const replay = await this.#replayToCut(log, request);
    if (replay.kind === 'gap') return { type: 'refused', id, reason: replay.reason };
    await store.put(names.handover(id), packFrames(replay.missed), timeoutMs * KEPT_TIMEOUTS);
    return { type: 'handed', id, count: replay.missed.length };
  }

  /** The marker comes from this bridge so that it follows the client's own messages through it. */
  async #replayToCut(log: ReplayLog, request: HandoverRequest): Promise<Cut> {
    const { markers, store } = this.#context;
    const { id, channel } = request;
    const cut = deferred<Cut>();
    await markers.expect(channel, id, () => {
      // Between the loss of the connection and the new count frames are missing that nobody counts.
      cut.resolve(log.interrupted ? { kind: 'gap', reason: 'unknown' } : log.replay(request));
    });
    await store.publishMark(channel, formatMarker({ id, senderId: log.senderId }));
    return cut.promise;
  }
}
