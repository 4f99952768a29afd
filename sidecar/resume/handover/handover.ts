import type { Logger } from 'pino';
import type { GapReason } from '../../../protocol/frames';
import type { Receiver } from '../../fanout/deliver';
import type { Frame } from '../../fanout/frame';
import { HandoverSource } from './source';
import { parseBridgeMessage } from './messages';
import { HandoverTarget } from './target';
import type { ResumePoint } from '../resume-point';
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

  constructor(context: HandoverContext) {
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

  /** A message of this bridge's own channel. */
  deliver({ payload }: Frame): void {
    const message = parseBridgeMessage(payload);
    if (message === undefined) this.#log.warn('message to this bridge ignored: expected a handover');
    else if (message.type === 'handover') void this.#source.give(message);
    else this.#target.hear(message);
  }
}
