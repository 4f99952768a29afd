import { ByteMeter, type ByteRate } from '../quotas/byte-rate';
import { MESSAGE_OVERHEAD_BYTES, type ByteAccount } from '../quotas/byte-owners';
import { FORGIVENESS_MS, type RateLimiter } from './rate-limiter';

/** The rate that a message is over: the socket's of messages, or one of bytes. */
export type OverRate = 'message_rate' | 'socket_bytes' | 'user_bytes' | 'tenant_bytes';

/** Why a message is not taken, and whether its sender is to be closed. */
export interface OverVerdict {
  readonly over: OverRate;
  readonly isFlood: boolean;
}

/**
 * The allowance of one socket: the messages and bytes that it may still send, and those of its user and its tenant. All
 * of them are asked before one is charged, so that what is refused takes nothing from anybody.
 */
export class MessageAllowance {
  readonly #messages: RateLimiter;
  readonly #socket: ByteMeter;
  readonly #refused: ByteMeter;
  readonly #account: ByteAccount;

  constructor(messages: RateLimiter, rate: ByteRate, account: ByteAccount) {
    this.#messages = messages;
    this.#socket = new ByteMeter(rate);
    // A burst's bytes may be refused, and are forgiven over the same time as a burst's messages.
    this.#refused = new ByteMeter({ ...rate, perSecond: Math.ceil((rate.burst * 1000) / FORGIVENESS_MS) });
    this.#account = account;
  }

  /**
   * Judges a message by its length alone, and counts it.
   * @param nowMs a clock that nobody sets, in milliseconds
   * @param fromMs the earliest that it may have come
   * @returns undefined when it is taken
   */
  take(bytes: number, nowMs: number, fromMs = nowMs): OverVerdict | undefined {
    const over = this.#over(bytes, nowMs, fromMs);
    if (over !== undefined) return { over, isFlood: this.refuse(bytes, nowMs) };
    this.#messages.take(nowMs, fromMs);
    const { user, tenant } = this.#account;
    this.#socket.charge(bytes, nowMs, fromMs);
    user.charge(bytes + MESSAGE_OVERHEAD_BYTES, nowMs, fromMs);
    tenant.charge(bytes + MESSAGE_OVERHEAD_BYTES, nowMs, fromMs);
    return undefined;
  }

  /**
   * Counts a message that is refused, whatever the rates.
   * @param nowMs a clock that nobody sets, in milliseconds
   * @returns whether its sender is to be closed
   */
  refuse(bytes: number, nowMs: number): boolean {
    if (this.#messages.refuse(nowMs) === 'flood' || !this.#refused.admits(bytes, nowMs)) return true;
    this.#refused.charge(bytes, nowMs);
    return false;
  }

  #over(bytes: number, nowMs: number, fromMs: number): OverRate | undefined {
    if (!this.#messages.hasRoom(nowMs, fromMs)) return 'message_rate';
    if (!this.#socket.admits(bytes, nowMs, fromMs)) return 'socket_bytes';
    const { user, tenant } = this.#account;
    const counted = bytes + MESSAGE_OVERHEAD_BYTES;
    if (!user.admits(counted, nowMs, fromMs)) return 'user_bytes';
    return tenant.admits(counted, nowMs, fromMs) ? undefined : 'tenant_bytes';
  }
}
