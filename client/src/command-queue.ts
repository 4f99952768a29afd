import type { Command } from '../../protocol/frames.ts';
import { Alarm } from './alarm.ts';
import { backoffMs } from './backoff.ts';
import type { ChatSettings } from './chat-options.ts';
import { BridgeClientError } from './errors.ts';

/** One moment by both clocks: the monotonic one may stand still while the machine sleeps, the other may be set back. */
type Moment = readonly [monotonicMs: number, wallMs: number];

interface Pending {
  readonly text: string;
  /** It asks for the end of an answer. */
  readonly isCancel: boolean;
  readonly settle: (cause?: BridgeClientError) => void;
  /** When it was sent last, by the monotonic clock; undefined when it is to be sent. */
  sentAtMs: number | undefined;
  /** From when on the bridge may know its id. */
  firstSent: Moment | undefined;
}

/** Commands that the bridge has neither acknowledged nor refused for good, in the order they were given. */
export class CommandQueue {
  readonly #settings: ChatSettings;
  readonly #resend: Alarm;
  readonly #pending = new Map<string, Pending>();
  /** Nothing is sent to a bridge that was unavailable until the alarm rings. */
  #held = false;
  #holds = 0;

  /** @param due called when what was held back may be sent again */
  constructor(settings: ChatSettings, due: () => void) {
    this.#settings = settings;
    this.#resend = new Alarm(settings.clock, () => {
      this.#held = false;
      due();
    });
  }

  /** When the oldest one was sent; undefined when none waits, or it is to be sent. */
  get waitingSinceMs(): number | undefined {
    const [oldest] = this.#pending.values();
    return oldest?.sentAtMs;
  }

  /**
   * Takes a command. One with the id of another that waits is the same.
   * @returns a promise of its acknowledgement
   */
  async add(command: Command & { readonly id: string }): Promise<void> {
    const { id } = command;
    const text = JSON.stringify(command);
    if (typeof id !== 'string' || id === '' || id.length > 128)
      throw new TypeError('an id has 1 to 128 characters');
    const same = this.#pending.get(id);
    const isCancel = command.type === 'cancel';
    // Else an answer would go on that nobody wants. There are no more of them than answers.
    const most = this.#settings.maxPendingCommands * (isCancel ? 2 : 1);
    if (!same && this.#pending.size >= most) throw new BridgeClientError('QUEUE_FULL');
    await new Promise<void>((resolve, reject) => {
      const settle = (cause?: BridgeClientError): void => {
        same?.settle(cause);
        if (cause) reject(cause);
        else resolve();
      };
      this.#pending.set(id, { text, isCancel, sentAtMs: undefined, firstSent: undefined, ...same, settle });
    });
  }

  /** Sends what is to be sent, or everything over again on a new connection; rejects what is too old for that. */
  flush(send: (text: string) => boolean, again = false): void {
    if (again) this.#hold(undefined);
    if (this.#held) return;
    const now: Moment = [this.#settings.monotonicNow(), this.#settings.clock.now()];
    for (const [id, command] of this.#pending) {
      if (command.sentAtMs !== undefined && !again) continue;
      if (ageMs(command.firstSent, now) > this.#settings.commandTtlMs) {
        this.#settle(id, new BridgeClientError('UNCONFIRMED'));
        continue;
      }
      [command.sentAtMs] = now;
      if (send(command.text)) command.firstSent ??= now;
      else command.sentAtMs = undefined;
    }
  }

  /** The bridge has taken one over. */
  acknowledge(id: string): void {
    this.#holds = 0;
    this.#settle(id);
  }

  /**
   * Rejects one command, but keeps it when the bridge was unavailable. Redis may have it, and its id sees to it that it is
   * not run twice. It keeps one that cancels an answer also when it was over a rate.
   * @param leastMs how long the peer asks to wait
   * @returns whether it was waiting
   */
  refuse(id: string, cause: BridgeClientError, leastMs = 0): boolean {
    const command = this.#pending.get(id);
    const isPassing =
      cause.code === 'UNAVAILABLE' || (cause.code === 'TOO_MANY_MESSAGES' && command?.isCancel === true);
    if (!command || !isPassing) return this.#settle(id, cause);
    command.sentAtMs = undefined;
    if (!this.#held) {
      const { random, retryAfterCapMs } = this.#settings;
      const delayMs = backoffMs('reconnect-later', this.#holds++, random(), this.#settings);
      this.#hold(Math.min(leastMs, retryAfterCapMs) + delayMs);
    }
    return true;
  }

  /**
   * Rejects a command that was never sent.
   * @returns whether it was one
   */
  withdraw(id: string, cause: BridgeClientError): boolean {
    const command = this.#pending.get(id);
    return command !== undefined && !command.firstSent && this.#settle(id, cause);
  }

  /** Rejects every command. */
  refuseAll(cause: BridgeClientError): void {
    this.#hold(undefined);
    for (const id of this.#pending.keys()) this.#settle(id, cause);
  }

  #hold(delayMs: number | undefined): void {
    this.#held = delayMs !== undefined;
    this.#resend.set(delayMs);
  }

  #settle(id: string, cause?: BridgeClientError): boolean {
    this.#pending.get(id)?.settle(cause);
    return this.#pending.delete(id);
  }
}

/** By the clock that says more: a bridge that has forgotten an id would run its command twice. */
function ageMs(since: Moment | undefined, now: Moment): number {
  return since ? Math.max(now[0] - since[0], now[1] - since[1]) : 0;
}
