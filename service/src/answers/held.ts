import { bytesOf, type CommandToAnswer, type Delivery } from './command';
import type { Waiting } from './fair-queue';

/** A command that this worker has. */
export class Held implements Waiting {
  readonly tenant: string;
  readonly bytes: number;
  readonly delivery: Delivery;
  readonly command: CommandToAnswer;
  /** Where its answer goes, with the prefix. */
  readonly channel: string;
  /** When this worker read it, by the monotonic clock. */
  readonly readAtMs: number;
  #stop: AbortController | undefined;

  constructor(delivery: Delivery, command: CommandToAnswer, channel: string, readAtMs: number) {
    this.tenant = command.tenant;
    this.bytes = bytesOf(delivery.fields);
    this.delivery = delivery;
    this.command = command;
    this.channel = channel;
    this.readAtMs = readAtMs;
  }

  /**
   * Its reason is an AnswerError, or another one when no frame may be published any more. It is made when it is asked for: thousands
   * of commands wait that need none yet.
   */
  get stop(): AbortController {
    return (this.#stop ??= new AbortController());
  }
}
