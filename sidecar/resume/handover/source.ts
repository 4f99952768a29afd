import { DeadlineError, deferred } from '../../lib/promises';
import { packFrames, packRun } from './frame-codec';
import { formatMarker, type HandoverAnswer, type HandoverRequest, type OldestRequest } from './messages';
import type { ReplayLog, ReplayLogHolder } from '../replay-log';
import type { HandoverContext } from './context';
import { turnInTime } from './turn-in-time';

/** The other bridge asks for this. */
type Request = HandoverRequest | OldestRequest;

/** The frames that are handed over, and the answer that says so. */
interface Handed {
  readonly answer: HandoverAnswer;
  /** Puts it into bytes: frames that come meanwhile are not among them. Undefined when nothing is handed over. */
  readonly pack: (() => Buffer) | undefined;
}

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
  async give(request: Request): Promise<void> {
    const { store, names, onOutcome, log } = this.#context;
    this.#size += 1;
    try {
      const answer = await this.#answer(request);
      await store.publish(names.bridge(request.from), JSON.stringify(answer));
      onOutcome('given', answer.type === 'refused' ? answer.reason : 'done');
    } catch (error) {
      onOutcome('given', error instanceof DeadlineError ? 'timeout' : 'failed');
      log.warn({ err: error, to: request.from }, 'handover failed');
    } finally {
      this.#size -= 1;
    }
  }

  async #answer(request: Request): Promise<HandoverAnswer> {
    const { replayLogs, markers, shares, turns, timeoutMs } = this.#context;
    const { id, channel } = request;
    const log = request.type === 'oldest' ? replayLogs.shared(request.owner) : replayLogs.find(request);
    if (log?.channels[0] !== channel) return { type: 'refused', id, reason: replayLogs.lackOf(request) };
    // Were it given up before the cut, frames would be missing that nobody counts.
    const holder: ReplayLogHolder = {};
    replayLogs.keep(log, holder);
    try {
      return await turnInTime(turns.given, log.tenant, timeoutMs, async (guard) => {
        const hand = (): Promise<HandoverAnswer> => {
          guard();
          return this.#hand(log, request);
        };
        return await shares.ask(log.tenant, hand);
      });
    } finally {
      replayLogs.release(log, holder);
      markers.forget(channel, id);
    }
  }

  async #hand(log: ReplayLog, request: Request): Promise<HandoverAnswer> {
    const { store, names, shares, timeoutMs } = this.#context;
    const { answer, pack } = await this.#atCut(log, request);
    if (pack === undefined) return answer;
    const value = await shares.ask(log.tenant, pack);
    await store.put(names.handover(request.id), value, timeoutMs * KEPT_TIMEOUTS);
    return answer;
  }

  /** The marker comes from this bridge so that it follows the client's own messages through it. */
  async #atCut(log: ReplayLog, request: Request): Promise<Handed> {
    const { markers, store, replayLogs } = this.#context;
    const { id, channel } = request;
    const cut = deferred<Handed>();
    await markers.expect(channel, id, () => {
      // Where a slot has moved the marker comes from its new master, and the log may not know yet that it is not heard there.
      cut.resolve(replayLogs.isHeard(log) ? handedOf(log, request) : refused(id, 'unknown'));
    });
    await store.publishMark(channel, formatMarker({ id, senderId: log.senderId }));
    return cut.promise;
  }
}

function handedOf(log: ReplayLog, request: Request): Handed {
  const { id } = request;
  // Between the loss of the connection and the new count frames are missing that nobody counts.
  if (log.interrupted) return refused(id, 'unknown');
  if (request.type === 'oldest') {
    const { run, ...count } = log.kept();
    return { answer: { type: 'kept', id, count: run.size, ...count }, pack: () => packRun(run) };
  }
  const replay = log.replay(request);
  if (replay.kind === 'gap') return refused(id, replay.reason);
  const { missed } = replay;
  return { answer: { type: 'handed', id, count: missed.length }, pack: () => packFrames(missed) };
}

function refused(id: string, reason: 'unknown' | 'expired'): Handed {
  return { answer: { type: 'refused', id, reason }, pack: undefined };
}
