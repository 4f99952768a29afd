import type { GapReason } from '../../protocol/frames';
import type { SendQueue } from '../fanout/send-queue';
import type { ReplayListener, ReplayLog } from '../resume/replay-log';

/** So many bytes of what was missed go to the client at once: about one write. */
export const CATCH_UP_BYTES = 65_536;

/** A client that is sent what it missed. */
export interface CatchingUp extends ReplayListener {
  /** Frames are gone that it was not sent yet; it goes on at `offset`. */
  expired(offset: number): void;
  /** It has all that was missed. */
  caughtUp(): void;
}

/**
 * Sends what a replay log keeps, as fast as its client takes it. The frames wait in the log, which has them anyway, and those that
 * come meanwhile wait there too. Once the client has all, it listens to the log itself.
 */
export class CatchUp implements ReplayListener {
  readonly #log: ReplayLog;
  readonly #client: CatchingUp;
  readonly #sendQueue: Pick<SendQueue, 'flushed'>;
  #offset: number;
  #isOver = false;

  /** @param offset of the first frame that the client is to get */
  constructor(log: ReplayLog, client: CatchingUp, sendQueue: Pick<SendQueue, 'flushed'>, offset: number) {
    this.#log = log;
    this.#client = client;
    this.#sendQueue = sendQueue;
    this.#offset = offset;
    log.listen(this);
    this.#step();
  }

  deliver(): void {
    // It is sent from the log, when its turn comes.
  }

  lost(reason: GapReason): void {
    this.#client.lost(reason);
    this.#offset = this.#log.end;
  }

  /** Ends it: the client has left. */
  end(): void {
    this.#isOver = true;
    this.#log.unlisten(this);
  }

  #step(): void {
    if (this.#isOver) return;
    this.#sendSome();
    if (this.#offset < this.#log.end) {
      this.#sendQueue.flushed(() => {
        this.#step();
      });
      return;
    }
    this.end();
    this.#client.caughtUp();
  }

  #sendSome(): void {
    const log = this.#log;
    if (this.#offset < log.start) {
      this.#offset = log.start;
      this.#client.expired(this.#offset);
    }
    for (const frame of log.some(this.#offset, CATCH_UP_BYTES)) {
      this.#client.deliver(frame, this.#offset);
      this.#offset += 1;
    }
  }
}
