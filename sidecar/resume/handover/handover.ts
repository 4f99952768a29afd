import type { Logger } from 'pino';
import type { GapReason } from '../../../protocol/frames';
import type { Receiver } from '../../fanout/deliver';
import type { Frame } from '../../fanout/frame';
import { HandoverSource } from './source';
import { parseBridgeMessage } from './messages';
import { HandoverTarget } from './target';
import type { OLDEST } from '../resume-point';
import { type ResumePoint } from '../resume-point';
import type { ReplayLog } from '../replay-log';
import type { HandoverContext } from './context';

/**
 * Hands over the replay logs of clients that come from another bridge (PROTOCOL.md §7). The two agree on a cut: a
 * marker that Redis puts at one place among the messages for both. Up to it the old bridge's frames count, from there
 * on the new one's own.
 */
export class Handover implements Receiver {
  readonly senderId = undefined;
  readonly #source: HandoverSource;
  readonly #target: HandoverTarget;
  readonly #log: Logger;
  readonly #bridgeId: string;

  constructor(context: HandoverContext) {
    this.#bridgeId = context.bridgeId;
    this.#source = new HandoverSource(context);
    this.#target = new HandoverTarget(context);
    this.#log = context.log;
  }

  /** How many this bridge waits for, and gives. */
  get size(): number {
    return this.#target.size + this.#source.size;
  }

  /**
   * Gets what a client missed that comes with another bridge's point. All of it is in `log` then.
   * @returns the point in the count of `log`, or why the client is told of a gap
   * @throws when Redis is unreachable
   */
  ask(log: ReplayLog, point: ResumePoint): Promise<ResumePoint | GapReason> {
    return this.#target.ask(log, point);
  }

  /** Whether this bridge is one of them. */
  isNotedIn(bridges: readonly string[]): boolean {
    return bridges.includes(this.#bridgeId);
  }

  /** Those of them that can be asked for all that is kept, in their order. */
  othersOf(bridges: readonly string[]): readonly string[] {
    return bridges.filter((id) => id !== this.#bridgeId);
  }

  /**
   * Gets all that other bridges keep of a session's stream, when one of them may have more of it than `log` has.
   * @param bridges those that were said to have it
   * @param from what the client asks for
   * @returns the point in the count of `log` or OLDEST, or why the client is told of a gap
   * @throws when Redis is unreachable
   */
  recall(
    log: ReplayLog,
    bridges: readonly string[],
    from: ResumePoint | typeof OLDEST,
  ): Promise<ResumePoint | typeof OLDEST | GapReason> {
    return this.#target.recall(log, bridges, from);
  }

  /** A message of this bridge's own channel. */
  deliver({ payload }: Frame): void {
    const message = parseBridgeMessage(payload);
    if (message === undefined) this.#log.warn('message to this bridge ignored: expected a handover');
    else if (message.type === 'handover' || message.type === 'oldest') void this.#source.give(message);
    else this.#target.hear(message);
  }
}
